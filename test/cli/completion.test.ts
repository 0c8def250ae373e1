import { spawnSync } from "node:child_process"
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { runCli } from "../support/io.ts"

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "alcides-completion-"))
  for (const shell of ["bash", "zsh", "fish"]) {
    const { exit, stdout, stderr } = await runCli(["completion", shell])
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: "" })
    await writeFile(join(folder, `script.${shell}`), stdout)
  }
  await mkdir(join(folder, "files", "old states"), { recursive: true })
  await writeFile(join(folder, "files", "state.json"), "{}")
})

afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
})

type Complete = (...words: readonly string[]) => readonly string[]

function run(program: string, args: readonly string[]): readonly string[] {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: join(folder, "files"), encoding: "utf8" })
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" })
  return stdout.split("\n").filter((line) => line !== "")
}

// What bash itself does at TAB: it sets these variables and calls the function.
const bash: Complete = (...words) =>
  run("bash", [
    "--norc",
    "-c",
    `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _alcides; printf '%s\\n' "\${COMPREPLY[@]}"`,
    "bash",
    join(folder, "script.bash"),
    "alcides",
    ...words,
  ])

const fish: Complete = (...words) =>
  run("fish", [
    "--no-config",
    "-c",
    `source $argv[1]; complete -C "$argv[2]"`,
    join(folder, "script.fish"),
    ["alcides", ...words].join(" "),
  ]).map((line) => line.split("\t", 1)[0] ?? "")

// zsh completes only in its line editor: the two functions that it would show its matches with print them instead.
const zsh: Complete = (...words) =>
  run("zsh", [
    "-f",
    "-c",
    `compdef() {}
     _describe() { [[ $1 == -o ]] && shift; local -a all=("\${(@P)2}"); print -rl -- "\${(@)all%%:*}" }
     _files() { print FILES }; _command_names() { print COMMANDS }; _message() {}
     compadd() { shift; print -rl -- "$@" }
     source "$1"; shift; words=("$@"); CURRENT=$#; _alcides`,
    "zsh",
    join(folder, "script.zsh"),
    "alcides",
    ...words,
  ])

describe("completion bash", () => {
  it("completes commands, sub-commands and their flags", () => {
    expect(bash("")).toEqual(["plan", "run", "effect", "state", "lock", "serve", "secret", "doctor", "completion"])
    expect(bash("st")).toEqual(["state"])
    expect(bash("state", "").join(" ")).toBe(
      "get put list history diff rollback delete pin unpin prune rekey pull push recover",
    )
    expect(bash("state", "get", "--")).toEqual(
      expect.arrayContaining(["--name", "--file", "--version", "--project", "--store", "--allow-missing", "--help"]),
    )
    expect(bash("state", "get", "--all")).toEqual(["--allow-missing"])
    expect(bash("lock", "acquire", "--no")).toEqual(["--non-exclusive", "--no-wait", "--no-color"])
    expect(bash("completion", "")).toEqual(["bash", "zsh", "fish"])
  })

  it("completes file names where a file is asked for, and nothing where it cannot know", () => {
    expect(bash("state", "put", "--file", "")).toEqual(expect.arrayContaining(["state.json", "old states"]))
    expect(bash("state", "put", "--file", "ol")).toEqual(["old states"])
    expect(bash("state", "put", "--name", "")).toEqual([])
    expect(bash("state", "get", "--name", "get", "--fi")).toEqual(["--file"])
  })

  it("completes the program after --", () => {
    expect(bash("lock", "run", "--name", "x", "--", "bas")).toContain("bash")
    expect(bash("lock", "run", "--name", "x", "--", "cat", "sta")).toEqual(["state.json"])
  })

  it("runs where every variable must be set and every failure ends the shell", () => {
    expect(
      run("bash", ["--norc", "-euc", `source "$1"; complete -p alcides`, "bash", join(folder, "script.bash")]),
    ).toEqual(["complete -F _alcides alcides"])
  })
})

describe("completion fish", () => {
  it("completes commands, flags and files", () => {
    expect([...fish("")].toSorted()).toEqual(
      ["plan", "run", "effect", "state", "lock", "serve", "secret", "doctor", "completion"].toSorted(),
    )
    expect(fish("state", "get", "--all")).toEqual(["--allow-missing"])
    expect(fish("state", "put", "--file", "")).toEqual(expect.arrayContaining(["state.json"]))
    expect(fish("state", "put", "--name", "")).toEqual([])
    expect(fish("completion", "")).toEqual(expect.arrayContaining(["bash", "fish", "zsh"]))
    expect(fish("lock", "run", "--name", "x", "--", "cat", "sta")).toEqual(["state.json"])
  })
})

describe("completion zsh", () => {
  it("is a script that zsh reads, and offers commands, flags and files", () => {
    run("zsh", ["-n", join(folder, "script.zsh")])
    expect(zsh("")).toEqual(["plan", "run", "effect", "state", "lock", "serve", "secret", "doctor", "completion"])
    expect(zsh("state", "get", "--")).toContain("--allow-missing")
    expect(zsh("state", "put", "--file", "")).toEqual(["FILES"])
    expect(zsh("state", "put", "--name", "")).toEqual([])
    expect(zsh("completion", "")).toEqual(["bash", "zsh", "fish"])
    expect(zsh("lock", "run", "--name", "x", "--", "")).toEqual(["COMMANDS"])
  })
})
