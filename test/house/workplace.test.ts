import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { root } from "./sources.ts"

// A path that exists on one person's machine only has no place in what everybody gets.
const machines = /(?<![\w.:/~-])\/(?:work|root|workspace|Users\/\w+|home\/(?!me\b|user\b)\w+)\/\w/

test("nothing names a folder of somebody's machine", () => {
  const { stdout, status } = spawnSync("git", ["ls-files", "-z"], { cwd: root, encoding: "utf8" })
  // A copy without its history has nothing that is committed.
  if (status !== 0) return
  const found = stdout
    .split("\0")
    .filter((path) => /\.(ts|mjs|js|json|md|nix|sh|yml|yaml)$|^\.ci\/\w+$/.test(path) && path !== "package-lock.json")
    .flatMap((path) =>
      textOf(path)
        .split("\n")
        .flatMap((line, index) => (machines.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [])),
    )
  expect(found).toEqual([])
})

test("such a folder would be found", () => {
  const folder = ["", "root", "src"].join("/")
  expect(machines.test(`cd ${folder}`)).toBe(true)
  expect(machines.test("docs/root/page.md, /tmp/x, https://example.com/work/item")).toBe(false)
})

function textOf(path: string): string {
  try {
    return readFileSync(join(root, path), "utf8")
  } catch {
    // Deleted, but not committed yet.
    return ""
  }
}
