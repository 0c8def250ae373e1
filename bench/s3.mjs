import { spawnSync } from "node:child_process"
import { randomBytes } from "node:crypto"
import { rm, stat, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3"
import { build } from "esbuild"
import { writeRandom } from "./large-state.mjs"
import { alcides, peaks, race } from "./measure.mjs"
import { onTheWire } from "./s3-wire.mjs"

const bucket = "bench"

/** State in a real S3 server, beside one request of the bare SDK and beside the programs people copy with, on the same server. */
export async function s3State({ folder, rounds, bytes }) {
  const ceph = await startCeph(folder)
  try {
    const { endpoint, owner } = ceph
    const keys = { AWS_ACCESS_KEY_ID: owner.accessKeyId, AWS_SECRET_ACCESS_KEY: owner.secretAccessKey }
    const client = new S3Client({ endpoint, region: "us-east-1", forcePathStyle: true, credentials: owner })
    await client.send(new CreateBucketCommand({ Bucket: bucket }))
    client.destroy()
    const world = { folder, endpoint, keys }
    const command = (endpoint) => (args) => ours({ ...world, endpoint }, args)
    return [
      ...(await small(world, rounds)),
      ...(await onTheWire({ folder, endpoint, command, rounds })),
      ...(await large(world, bytes)),
    ]
  } finally {
    await ceph.stop()
  }
}

async function startCeph(folder) {
  const outfile = join(folder, "ceph.mjs")
  const entry = fileURLToPath(new URL("../test/support/ceph.ts", import.meta.url))
  await build({ entryPoints: [entry], outfile, bundle: true, format: "esm", platform: "node", logLevel: "silent" })
  const { startCeph } = await import(pathToFileURL(outfile).href)
  return startCeph()
}

/** A command of ours on the server's store. */
const ours = ({ folder, endpoint, keys }, args) => {
  const command = alcides(folder, args)
  return { ...command, env: { ...command.env, ...keys, ALCIDES_STATE: `s3://${bucket}/state?endpoint=${endpoint}` } }
}

/** The same by hand, as far as the program is installed. */
function others({ folder, endpoint, keys }, { file, key }) {
  const env = { PATH: process.env.PATH, HOME: folder, ...keys }
  const host = new URL(endpoint).host
  const s3cmd = ["--no-ssl", `--host=${host}`, `--host-bucket=${host}`, "--no-progress", "--quiet"]
  s3cmd.push(`--access_key=${keys.AWS_ACCESS_KEY_ID}`, `--secret_key=${keys.AWS_SECRET_ACCESS_KEY}`)
  const rclone = ["--config", "/dev/null", "--s3-provider", "Ceph", "--s3-env-auth", "--s3-endpoint", endpoint]
  const user = `${keys.AWS_ACCESS_KEY_ID}:${keys.AWS_SECRET_ACCESS_KEY}`
  const curl = ["--silent", "--fail", "--aws-sigv4", "aws:amz:us-east-1:s3", "--user", user]
  curl.push("--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD")
  const url = `${endpoint}/${bucket}/${key}`
  const got = `${file}.got`
  const programs = [
    {
      name: "rclone copyto",
      put: { program: "rclone", args: ["copyto", ...rclone, file, `:s3:${bucket}/${key}`], env },
      get: { program: "rclone", args: ["copyto", "--ignore-times", ...rclone, `:s3:${bucket}/${key}`, got], env },
    },
    {
      name: "s3cmd",
      put: { program: "s3cmd", args: ["put", ...s3cmd, file, `s3://${bucket}/${key}`], env },
      get: { program: "s3cmd", args: ["get", "--force", ...s3cmd, `s3://${bucket}/${key}`, got], env },
    },
    {
      name: "curl --aws-sigv4",
      put: { program: "curl", args: [...curl, "--upload-file", file, url], env },
      get: { program: "curl", args: [...curl, "--output", got, url], env },
    },
  ]
  return programs.filter(({ put }) => spawnSync(put.program, ["--version"], { stdio: "ignore" }).status === 0)
}

async function small(world, rounds) {
  const { folder, endpoint, keys } = world
  const file = join(folder, "small")
  await writeFile(file, randomBytes(10 * 1024))
  const program = fileURLToPath(new URL("s3-sdk.mjs", import.meta.url))
  const env = { PATH: process.env.PATH, HOME: folder, ...keys }
  const sdk = (what) => ({
    program: process.execPath,
    args: ["--no-warnings", program, what, endpoint, bucket, "bare", what === "put" ? file : `${file}.got`],
    env,
  })
  const rivals = others(world, { file, key: "rival" })
  const state = (what) =>
    ours(world, ["state", what, "--name", "small", "--file", what === "put" ? file : `${file}.got`])
  const rows = []
  for (const what of ["put", "get"]) {
    const [us, bare, ...theirs] = race([state(what), sdk(what), ...rivals.map((rival) => rival[what])], rounds)
    for (const [index, them] of [bare, ...theirs].entries()) {
      rows.push({
        what: `s3: alcides state ${what}, 10 KiB`,
        beside: index === 0 ? "the bare SDK, one request" : rivals[index - 1].name,
        ours: `${us.median.toFixed(0)} ms`,
        theirs: `${them.median.toFixed(0)} ms`,
        figure: `${(us.median / them.median).toFixed(2)} ×`,
        best: `${(us.min / them.min).toFixed(2)} ×`,
        wanted: index === 0 ? "≤ 1.3 ×" : "",
      })
    }
  }
  return rows
}

// We bring a file to the disk before we say that it is there; others leave that to whoever writes next.
const synced = ({ program, args, env }, file) => ({
  program: "sh",
  args: ["-c", 'file=$1; shift; "$@" && exec sync "$file"', "sh", file, program, ...args],
  env,
})

async function large(world, bytes) {
  const file = join(world.folder, "large-s3")
  const got = `${file}.got`
  await writeRandom(file, bytes)
  const rivals = others(world, { file, key: "rival-large" }).filter(({ name }) => name !== "s3cmd")
  const { size } = await stat(file)
  const command = (what) => ours(world, ["state", what, "--name", "large", "--file", what === "put" ? file : got])
  const puts = [command("put"), ...rivals.map(({ put }) => put)]
  const gets = [command("get"), ...rivals.map(({ get }) => synced(get, got))]
  const named = (suffix) => rivals.map(({ name }) => `${name}${suffix}`)
  return [
    ...largeRows({ what: "put", size, rivals: named(""), results: await peaks(puts, 1) }),
    // As with small files, the first round is not counted: a server reads what it was just asked for sooner than what it was given a while ago.
    ...largeRows({
      what: "get",
      size,
      rivals: named(", sync"),
      results: await peaks(gets, 4, { uncounted: 1, before: () => rm(got, { force: true }) }),
    }),
    // We write beside the file that is there, and others into it, which is sooner done and is no file at all meanwhile.
    ...largeRows({
      what: "get over an older file",
      size,
      rivals: named(", sync"),
      results: await peaks(gets, 4, { uncounted: 1 }),
    }),
  ]
}

function largeRows({ what, size, rivals, results: [us, ...them] }) {
  const mebibytes = size / 2 ** 20
  const name = `s3: alcides state ${what}, ${mebibytes} MiB`
  const speed = (ms) => `${(mebibytes / (ms / 1000)).toFixed(0)} MiB/s`
  return [
    ...rivals.map((beside, index) => ({
      what: `${name}: throughput`,
      beside,
      ours: speed(us.ms),
      theirs: speed(them[index].ms),
      figure: `${(them[index].ms / us.ms).toFixed(2)} ×`,
      best: `${(them[index].least / us.least).toFixed(2)} ×`,
      wanted: beside.startsWith("rclone") ? "≥ 0.8 ×" : "",
    })),
    {
      what: `${name}: memory`,
      beside: "",
      ours: `${(us.bytes / 2 ** 20).toFixed(0)} MiB`,
      theirs: "",
      figure: "",
      best: "",
      wanted: "≤ 150 MiB",
    },
  ]
}
