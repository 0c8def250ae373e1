import { execFileSync } from "node:child_process"
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { checkNode } from "../../src/cli/doctor/machine.ts"
import { findProgram } from "../../src/exec.ts"
import { runCli } from "../support/io.ts"

type Finding = { readonly check: string; readonly result: string; readonly fact: string; readonly hint?: string }

let folder: string
let env: Record<string, string>

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "alcides-cli-doctor-"))
  for (const name of ["bin", "home", "repo"]) await mkdir(join(folder, name))
  env = {
    PATH: process.env["PATH"] ?? "",
    HOME: join(folder, "home"),
    ALCIDES_STATE: `file:${folder}/store`,
    GIT_CONFIG_GLOBAL: "/dev/null",
  }
})

afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

async function examine(...args: string[]): Promise<{ exit: number; of: (check: string) => Finding | undefined }> {
  const { exit, stdout } = await runCli(["doctor", "--json", ...args], { env, cwd: join(folder, "repo") })
  const findings: readonly Finding[] = JSON.parse(stdout)
  return { exit, of: (check) => findings.find((finding) => finding.check === check) }
}

const git = (...args: string[]): string =>
  execFileSync("git", args, {
    cwd: join(folder, "repo"),
    env: {
      ...env,
      GIT_AUTHOR_NAME: "n",
      GIT_AUTHOR_EMAIL: "n@example.com",
      GIT_COMMITTER_NAME: "n",
      GIT_COMMITTER_EMAIL: "n@example.com",
    },
    encoding: "utf8",
  })

async function fake(program: string, script: string): Promise<void> {
  await writeFile(join(folder, "bin", program), `#!/bin/sh\n${script}\n`)
  await chmod(join(folder, "bin", program), 0o755)
}

// A PATH with nothing but the named programs of this machine.
async function onlyPrograms(...programs: string[]): Promise<void> {
  for (const program of programs) {
    const found = findProgram(program, process.env["PATH"])
    if (found !== undefined) await symlink(found, join(folder, "bin", program))
  }
  env["PATH"] = join(folder, "bin")
}

async function writeSecrets(text: string, mode: number): Promise<string> {
  const path = join(folder, "home/.config/alcides/secrets/github/neat-org/secrets.json")
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, text, { mode })
  return path
}

describe("doctor", () => {
  it("finds all well where all is well, as lines and as JSON", async () => {
    git("init", "-q", "-b", "production")
    git("remote", "add", "origin", "https://github.com/neat-org/neat-repo.git")
    git("commit", "-q", "--allow-empty", "-m", "neat")
    git("update-ref", "refs/remotes/origin/main", "HEAD")
    git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
    await writeFile(
      join(folder, "repo", "ci.js"),
      'export default { kind: "pipeline", define: () => ({}), settings: {} }',
    )
    await writeSecrets("{}", 0o600)
    await fake("nixops", "echo NixOps 1.8")
    env["PATH"] = `${folder}/bin:${env["PATH"]}`

    const { exit, of } = await examine()
    expect(exit).toBe(0)
    expect(of("node")).toMatchObject({ result: "ok", fact: `version ${process.versions.node}` })
    expect(of("nix")).toMatchObject({ result: "ok", fact: expect.stringContaining("nix (Nix)") })
    expect(of("nix store")).toMatchObject({ result: "ok", fact: "can be written" })
    expect(of("nix flakes")).toMatchObject({ result: "ok" })
    expect(of("git")).toMatchObject({ result: "ok", fact: expect.stringContaining("git version") })
    expect(of("nixops")).toMatchObject({ result: "ok", fact: "NixOps 1.8" })
    expect(of("ref")).toMatchObject({ result: "ok", fact: "refs/heads/production (from git)" })
    expect(of("rev")).toMatchObject({ result: "ok", fact: `${git("rev-parse", "HEAD").trim()} (from git)` })
    expect(of("default branch")).toMatchObject({ result: "ok", fact: "main (from git)" })
    expect(of("pipeline file")).toMatchObject({ result: "ok", fact: "ci.js" })
    expect(of("project")).toMatchObject({ result: "ok", fact: "github/neat-org/neat-repo" })
    expect(of("state store")).toMatchObject({
      result: "ok",
      fact: expect.stringContaining("can be read and written; 0 state files"),
    })
    expect(of("secrets")).toMatchObject({ result: "ok", fact: expect.stringMatching(/secrets\.json: 0 secrets$/) })

    const lines = (await runCli(["doctor"], { env, cwd: join(folder, "repo") })).stdout.split("\n")
    expect(lines[0]).toMatch(/^RESULT +CHECK +FACT$/)
    expect(lines).toContainEqual(expect.stringMatching(/^ok +nixops +NixOps 1\.8$/))
  })

  it("fails without Nix, and warns of what only some need", async () => {
    await onlyPrograms()
    const { exit, of } = await examine("--project", "github/neat-org/neat-repo")
    expect(exit).toBe(1)
    expect(of("nix")).toEqual({
      check: "nix",
      result: "fail",
      fact: "nix is not on PATH",
      hint: "install Nix: https://nixos.org/download (Debian and Ubuntu: apt-get install nix-bin)",
    })
    expect(of("nix store")).toBeUndefined()
    expect(of("git")).toMatchObject({ result: "warn", fact: "git is not on PATH" })
    expect(of("nixops")).toMatchObject({ result: "warn", hint: "only runNixOps and runNixOps2 need it" })
    expect(of("ref")).toMatchObject({ result: "warn", fact: "unknown" })
    expect(of("rev")).toMatchObject({ result: "warn", fact: "unknown" })
    expect(of("default branch")).toMatchObject({ result: "warn", hint: expect.stringContaining("git remote set-head") })
    expect(of("pipeline file")).toMatchObject({ result: "warn", fact: expect.stringContaining("no pipeline file in") })
    expect(of("secrets")).toMatchObject({ result: "warn", fact: expect.stringContaining("there is no ") })
  })

  it("says what Nix said when its store cannot be written, and when it knows no flakes", async () => {
    await fake(
      "nix",
      'case "$*" in --version) echo "nix (Nix) 2.3.16" ;; *) echo "error: unrecognised flag" >&2; exit 1 ;; esac',
    )
    await fake("nix-store", 'echo "error: opening lock file: Permission denied" >&2; exit 1')
    await onlyPrograms("git", "sh")
    const { exit, of } = await examine("--project", "github/a/b")
    expect(exit).toBe(1)
    expect(of("nix store")).toMatchObject({
      result: "fail",
      fact: "cannot be written: error: opening lock file: Permission denied",
    })
    expect(of("nix flakes")).toMatchObject({
      result: "warn",
      fact: "not understood by this Nix: error: unrecognised flag",
    })
  })

  it("takes the context from the CI, and says from which", async () => {
    Object.assign(env, {
      GITHUB_ACTIONS: "true",
      GITHUB_REPOSITORY: "neat-org/neat-repo",
      GITHUB_REF: "refs/pull/7/merge",
      GITHUB_SHA: "0123456789012345678901234567890123456789",
    })
    const { of } = await examine()
    expect(of("ref")).toMatchObject({ result: "ok", fact: "refs/pull/7/merge (from github), no branch and no tag" })
    expect(of("rev")).toMatchObject({ fact: "0123456789012345678901234567890123456789 (from github)" })
    expect(of("project")).toMatchObject({ fact: "github/neat-org/neat-repo" })
  })

  it("fails where the project, the store or the pipeline file is wrong", async () => {
    const nowhere = await examine()
    expect(nowhere.exit).toBe(1)
    expect(nowhere.of("project and store")).toMatchObject({
      result: "fail",
      hint: expect.stringContaining("--project"),
    })

    await writeFile(join(folder, "no-store"), "")
    const store = await examine("--project", "github/a/b", "--store", `file:${folder}/no-store`)
    expect(store.exit).toBe(1)
    expect(store.of("state store")).toMatchObject({ result: "fail", hint: expect.any(String) })

    await writeFile(join(folder, "repo", "ci.js"), "export default {")
    const pipeline = await examine("--project", "github/a/b")
    expect(pipeline.exit).toBe(1)
    expect(pipeline.of("pipeline file")).toMatchObject({
      result: "fail",
      fact: expect.stringMatching(/^ci\.js:1:\d+: /),
    })
  })

  it("leaves no lease in the store", async () => {
    await examine("--project", "github/a/b")
    const { stdout } = await runCli(["lock", "list", "--json", "--project", "github/a/b"], { env, cwd: folder })
    expect(stdout).toBe("[]\n")
  })

  it("warns of a secrets file that others can read, and of malformed secrets; fails on one that is no JSON", async () => {
    const path = await writeSecrets('{"ok": {"kind": "Secret", "data": {}}, "bad": {"kind": "Sekret"}}', 0o600)
    expect((await examine("--project", "github/neat-org/x")).of("secrets")).toMatchObject({
      result: "warn",
      fact: `${path}: malformed: bad`,
    })
    await writeFile(path, "{}")
    await chmod(path, 0o644)
    expect((await examine("--project", "github/neat-org/x")).of("secrets")).toMatchObject({
      result: "warn",
      fact: `${path} can be read by others (mode 0644)`,
      hint: `chmod 600 ${path}`,
    })
    await writeFile(path, "{")
    const { exit, of } = await examine("--project", "github/neat-org/x")
    expect(exit).toBe(1)
    expect(of("secrets")).toMatchObject({ result: "fail" })
  })
})

it.each([
  ["18.20.0", "fail"],
  ["20.10.0", "fail"],
  ["20.11.0", "ok"],
  ["22.0.0", "ok"],
])("node %s is %s", (version, result) => {
  expect(checkNode(version).result).toBe(result)
})
