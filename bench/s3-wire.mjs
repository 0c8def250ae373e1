import { spawn } from "node:child_process"
import { once } from "node:events"
import { randomBytes } from "node:crypto"
import { readFile, writeFile } from "node:fs/promises"
import { createServer, request } from "node:http"
import { join } from "node:path"

// In milliseconds: how soon after its first look a waiting process looks again, at the earliest.
const pollFloor = 250

/** What goes over the wire: how many requests a command makes, and how soon a lock that was released is somebody else's. */
export async function onTheWire({ folder, endpoint, command, rounds }) {
  const counter = await countRequests(endpoint)
  try {
    return [
      ...(await requests({ folder, command: command(counter.endpoint), counter })),
      await handOver({ folder, command: command(endpoint), rounds }),
    ]
  } finally {
    counter.stop()
  }
}

async function requests({ folder, command, counter }) {
  const file = join(folder, "counted")
  await writeFile(file, randomBytes(10 * 1024))
  const put = ["state", "put", "--name", "counted", "--file", file]
  const acquire = ["lock", "acquire", "--name", "counted"]
  const release = async () => run(command(["lock", "release", "--lease-id", (await run(command(acquire))).trim()]))
  // The first of each makes what later ones find.
  await run(command(put))
  await release()
  const row = async (what, act, most) => {
    const before = counter.requests()
    await act()
    const made = counter.requests() - before
    return {
      what: `s3: ${what}: requests`,
      beside: "",
      ours: String(made),
      theirs: "",
      figure: "",
      best: "",
      wanted: `≤ ${most}`,
    }
  }
  return [
    await row("alcides state put, 10 KiB", () => run(command(put)), 3),
    await row(
      "alcides state get, 10 KiB",
      () => run(command(["state", "get", "--name", "counted", "--file", `${file}.got`])),
      2,
    ),
    await row("alcides lock acquire and release", release, 4),
  ]
}

async function handOver({ folder, command, rounds }) {
  const times = []
  for (let round = 0; round < rounds; round += 1) {
    const [released, begun] = ["released", "begun"].map((name) => join(folder, `${name}-${round}`))
    const hold = (script) => run(command(["lock", "run", "--name", "handed", "--", "sh", "-c", script]))
    const first = hold(`echo >${begun}.first; sleep 2; date +%s%N >${released}`)
    while ((await readFile(`${begun}.first`).catch(() => undefined)) === undefined)
      await new Promise((go) => setTimeout(go, 20))
    await Promise.all([first, hold(`date +%s%N >${begun}`)])
    const [from, to] = await Promise.all(
      [released, begun].map(async (file) => Number(await readFile(file, "utf8")) / 1e6),
    )
    times.push(to - from)
  }
  times.sort((a, b) => a - b)
  const median = times[times.length >> 1]
  return {
    what: "s3: a lock from one process to the next",
    beside: "the shortest poll interval",
    ours: `${median.toFixed(0)} ms`,
    theirs: `${pollFloor} ms`,
    figure: `${(median / pollFloor).toFixed(2)} ×`,
    best: `${(times[0] / pollFloor).toFixed(2)} ×`,
    wanted: "≤ 3 ×",
  }
}

/** Passes everything on to the server, and counts it. */
async function countRequests(target) {
  const { hostname, port } = new URL(target)
  let count = 0
  const server = createServer((asked, response) => {
    count += 1
    const onward = request(
      { hostname, port, method: asked.method, path: asked.url, headers: asked.headers },
      (answer) => {
        response.writeHead(answer.statusCode, answer.headers)
        answer.pipe(response)
      },
    )
    onward.on("error", () => response.destroy())
    asked.pipe(onward)
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  return {
    endpoint: `http://127.0.0.1:${server.address().port}`,
    requests: () => count,
    stop() {
      server.closeAllConnections()
      server.close()
    },
  }
}

/** The standard output of a command that must succeed. */
async function run({ program, args, cwd, env }) {
  const child = spawn(program, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] })
  const [out, err] = [[], []]
  child.stdout.on("data", (chunk) => out.push(chunk))
  child.stderr.on("data", (chunk) => err.push(chunk))
  const [status] = await once(child, "close")
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: exit ${status}: ${Buffer.concat(err)}`)
  return String(Buffer.concat(out))
}
