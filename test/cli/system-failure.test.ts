import { mkdtemp } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, test, vi } from "vitest"
import { failureOf } from "../../src/cli/errors.ts"

test("a folder for temporary files that is not there is no bug of ours", async () => {
  vi.stubEnv("TMPDIR", "/no-such-folder")
  try {
    const error: unknown = await mkdtemp(join(tmpdir(), "alcides-")).catch((thrown: unknown) => thrown)
    expect(failureOf(error)).toEqual({
      code: "temporary-folder-unusable",
      message: expect.stringMatching(/^the folder for temporary files cannot be used: ENOENT: .*'\/no-such-folder\//),
      hint: "set TMPDIR to a folder that exists, has space, and that this user may write",
      exit: 1,
    })
  } finally {
    vi.unstubAllEnvs()
  }
})

test("a user without a home is told to set HOME", () => {
  // What os.homedir() throws for a user id that no user has.
  const error = Object.assign(new Error("A system error occurred"), { syscall: "uv_os_homedir" })
  expect(failureOf(error)).toEqual({
    code: "home-unknown",
    message: "HOME is not set, and this user has no home folder",
    hint: "set HOME to a folder that this user may write",
    exit: 2,
  })
})

test("every other failure of the system stays a bug, with its stack", async () => {
  const error: unknown = await mkdtemp("/no-such-folder/x").catch((thrown: unknown) => thrown)
  expect(failureOf(error)).toMatchObject({ code: "internal", detail: expect.stringContaining("ENOENT") })
})
