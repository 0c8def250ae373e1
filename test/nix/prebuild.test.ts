import { mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { AlcidesError } from "../../src/errors.ts"
import { silentLog, type Log } from "../../src/log.ts"
import type { Build } from "../../src/nix/build.ts"
import { instantiate } from "../../src/nix/instantiate.ts"
import { prebuild } from "../../src/nix/prebuild.ts"
import { nixWorld, type NixWorld } from "../support/nix.ts"

let world: NixWorld
let src: string

beforeAll(async () => {
  world = await nixWorld()
})
afterAll(async () => world.remove())
beforeEach(async () => {
  src = await realpath(await mkdtemp(join(tmpdir(), "alcides-src-")))
})
afterEach(async () => rm(src, { recursive: true, force: true }))

const options = (log: Log = silentLog) => ({ env: world.env, signal: new AbortController().signal, log })

const derivation = (name: string, script: string, extra = ""): string =>
  `derivation { name = "${name}"; system = builtins.currentSystem; builder = "/bin/sh"; args = ["-c" ${JSON.stringify(script)}]; ${extra} }`

const expression = (label: string, text: string): Build => ({ type: "expression", label, expression: text })

const request = (build: Build) => ({ build, src })

async function failureOf(work: Promise<unknown>): Promise<AlcidesError> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (error instanceof AlcidesError) return error
  throw new Error(`expected an AlcidesError, got ${String(error)}`)
}

describe("prebuild", () => {
  it("builds nothing when there is nothing to build, even without Nix", async () => {
    expect(await prebuild([], { ...options(), env: { PATH: "" } })).toEqual([])
  })

  it("builds expressions, files and flakes, and says where the results are", async () => {
    await writeFile(join(src, "default.nix"), `{ nested.attribute = ${derivation("file", "echo file > $out")}; }`)
    await mkdir(join(src, "flake"))
    await writeFile(
      join(src, "flake", "flake.nix"),
      `{ outputs = { self }: { thing = ${derivation("flake", "echo flake > $out").replace("builtins.currentSystem", '"x86_64-linux"')}; }; }`,
    )
    const results = await prebuild(
      [
        request(expression("an expression", derivation("expression", "echo expression > $out"))),
        request({ type: "file", file: "default.nix", attribute: "nested.attribute" }),
        request({ type: "flake", installable: "path:./flake#thing" }),
      ],
      options(),
    )
    expect(results.map(({ label }) => label)).toEqual([
      "an expression",
      "default.nix -A nested.attribute",
      "path:./flake#thing",
    ])
    const contents = await Promise.all(results.map(async ({ outPaths }) => readFile(outPaths[0] ?? "", "utf8")))
    expect(contents).toEqual(["expression\n", "file\n", "flake\n"])
  })

  it("builds every derivation of an attribute set, and every output that is asked for", async () => {
    const text = `let d = ${derivation("multi", "echo 1 > $out; echo 2 > $dev", 'outputs = ["out" "dev"];')}; in { a = d; b = d.dev; c = ${derivation("other", "echo 3 > $out")}; }`
    const [result] = await prebuild([request(expression("set", text))], options())
    expect(result?.drvPaths).toHaveLength(3)
    const names = result?.outPaths.map((path) => path.replace(/^.*?store\/[^-]+-/, "")).sort()
    expect(names).toEqual(["multi", "multi-dev", "multi-dev", "other"])
  })

  it("makes the expression when the build begins, and knows where programs are", async () => {
    const build: Build = {
      type: "expression",
      label: "late",
      expression: async ({ findProgram }) => {
        const [shell, none] = [await findProgram("sh"), await findProgram("no-such-program")]
        return derivation("late", `echo ${shell} ${none} > $out`)
      },
    }
    const [result] = await prebuild([request(build)], options())
    expect(await readFile(result?.outPaths[0] ?? "", "utf8")).toMatch(/^\/\S+ undefined\n$/)
  })

  it("evaluates and builds what is the same only once", async () => {
    const said: string[] = []
    const log: Log = { ...silentLog, info: (line) => void said.push(line) }
    const text = derivation("twin", "echo built-once; echo > $out")
    const results = await prebuild([request(expression("one", text)), request(expression("two", text))], options(log))
    expect(results[0]?.outPaths).toEqual(results[1]?.outPaths)
    expect(said.filter((line) => line === "built-once")).toHaveLength(1)
  })

  it("looks up angle brackets in nixPath", async () => {
    await writeFile(join(src, "found.nix"), derivation("found", "echo found > $out"))
    const build: Build = {
      type: "expression",
      label: "path",
      expression: "import <thing/found.nix>",
      nixPath: `thing=${src}`,
    }
    const [result] = await prebuild([request(build)], options())
    expect(await readFile(result?.outPaths[0] ?? "", "utf8")).toBe("found\n")
  })

  it("keeps the results from the garbage collector while the folder stands", async () => {
    const gcRoots = join(src, "roots")
    await mkdir(gcRoots)
    const build = expression("rooted", derivation("rooted", "echo > $out"))
    const [result] = await prebuild([request(build)], { ...options(), gcRoots })
    const links = await Promise.all((await readdir(gcRoots)).map(async (name) => realpath(join(gcRoots, name))))
    expect(links).toEqual(result?.outPaths)
  })

  it("says which builds failed, and builds the others all the same", async () => {
    const failure = await failureOf(
      prebuild(
        [
          request(expression("good", derivation("good", "echo good > $out"))),
          request(
            expression(
              "bad",
              derivation("top", "echo > $out", `dependency = ${derivation("below", "echo why; exit 3")};`),
            ),
          ),
        ],
        options(),
      ),
    )
    expect(failure).toMatchObject({ code: "prebuild-failed", exit: 1, message: "1 of 2 builds did not build: bad" })
    expect(failure.hint).toBe(
      "mend it and try again with: alcides plan --build; no effect runs before everything builds",
    )
    expect(failure.detail).toMatch(/builder for '.*-below\.drv' failed with exit code 3/)
    const [good] = await instantiate([request(expression("good", derivation("good", "echo good > $out")))], options())
    expect(good?.drvPaths[0]).toMatch(/-good\.drv$/)
    expect((await readdir(join(world.root, "store"))).some((name) => name.endsWith("-good"))).toBe(true)
  })

  it("is not misled by a builder that prints errors and succeeds", async () => {
    const build = expression("loud", derivation("loud", "echo error: all is lost >&2; echo > $out"))
    expect(await prebuild([request(build)], options())).toHaveLength(1)
  })

  it("names the file and the place of a mistake, and Nix's own words", async () => {
    const network = join(src, "network.nix")
    await writeFile(network, "{ lib }:\n{\n  web = {\n    region = missingVariable;\n  };\n}\n")
    const build: Build = {
      type: "expression",
      label: "network foo",
      expression: `(import ${network} { lib = {}; }).web.region`,
      files: [join(src, "other.nix"), network],
    }
    const failure = await failureOf(prebuild([request(build)], options()))
    expect(failure.message).toBe("1 of 1 builds did not evaluate: network foo (network.nix:4:14)")
    expect(failure.detail).toContain("undefined variable 'missingVariable'")
    expect(failure.detail).not.toContain("while evaluating")
  })

  it("reports all mistakes in one go", async () => {
    const failure = await failureOf(
      prebuild(
        [
          request(expression("first", "throw ''one''")),
          request(expression("fine", derivation("fine", "echo > $out"))),
          request({ type: "file", file: "absent.nix" }),
          request({ type: "flake", installable: "path:./nowhere#x" }),
        ],
        options(),
      ),
    )
    expect(failure.message).toBe("3 of 4 builds did not evaluate: first, absent.nix, path:./nowhere#x")
    expect(failure.detail).toContain("error: one")
  })

  it("shows what an expression says while it is evaluated", async () => {
    const said: string[] = []
    const log: Log = { ...silentLog, info: (line) => void said.push(line) }
    const text = `builtins.trace "look here" (${derivation("traced", "echo > $out")})`
    await instantiate([request(expression("traced", text))], options(log))
    expect(said).toEqual(["trace: look here"])
  })

  it("reads a flake from an expression also where flakes are not switched on", async () => {
    await writeFile(join(src, "flake.nix"), `{ outputs = { self }: { answer = "echo 42 > $out"; }; }`)
    const settings = (await readFile(join(world.root, "conf", "nix.conf"), "utf8")).replace(/experimental.*\n/, "")
    await mkdir(join(src, "conf"))
    await writeFile(join(src, "conf", "nix.conf"), settings)
    const script = `(builtins.getFlake "path:${src}").answer`
    const text = derivation("flake", "", `script = ${script};`).replace('"-c" ""', `"-c" (${script})`)
    const env = { ...world.env, NIX_CONF_DIR: join(src, "conf") }
    const [result] = await prebuild([request(expression("flake", text))], { ...options(), env })
    expect(await readFile(result?.outPaths[0] ?? "", "utf8")).toBe("42\n")
  })

  it("needs Nix on PATH", async () => {
    const failure = await failureOf(
      prebuild([request(expression("x", "1"))], { ...options(), env: { ...world.env, PATH: src } }),
    )
    expect(failure).toMatchObject({ code: "nix-missing", exit: 2, message: "nix is not on PATH" })
    expect(failure.hint).toContain("https://nixos.org/download")
  })

  it("ends at once when it is aborted", async () => {
    const controller = new AbortController()
    const log: Log = {
      ...silentLog,
      info: (line) => {
        if (line === "started") controller.abort(new Error("interrupted"))
      },
    }
    const build = expression("slow", derivation("slow", "echo started; while true; do :; done"))
    const failure = await failureOf(prebuild([request(build)], { ...options(log), signal: controller.signal }))
    expect(failure.code).toBe("program-aborted")
  })
})

describe("instantiate", () => {
  it("evaluates without building", async () => {
    const [answer] = await instantiate([request(expression("later", derivation("later", "echo > $out")))], options())
    expect(answer).toMatchObject({ label: "later", drvPaths: [expect.stringMatching(/-later\.drv$/)] })
    expect((await readdir(join(world.root, "store"))).some((name) => name.endsWith("-later"))).toBe(false)
  })

  it("answers with the failure instead of throwing it", async () => {
    const [answer] = await instantiate([request(expression("broken", "{"))], options())
    expect(answer).toMatchObject({
      drvPaths: [],
      failure: { lines: expect.arrayContaining(["error: syntax error, unexpected end of file"]) },
    })
  })
})
