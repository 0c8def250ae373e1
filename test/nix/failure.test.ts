import { describe, expect, it } from "vitest"
import { errorLines, nixFailure } from "../../src/nix/failure.ts"

const scope = { files: ["/repo/network.nix", "/repo/sub/network aws.nix"], src: "/repo" }
const lines = (text: string): readonly string[] => text.split("\n").slice(1, -1)

// Nix 2.4 to 2.13: the error, and then the trace from the inside out.
const errorFirst = lines(`
warning: something else
error: attribute 'missing' missing

       at /lib/modules.nix:4:9:

            3|   web = { config, ... }: {
            4|     x = config.missing;
             |         ^

       … while evaluating the attribute 'x'

       at /repo/network.nix:7:5:

            7|     x = lib.call config;
             |     ^

       … while evaluating the attribute 'args' of the derivation 'x'

       at /repo/sub/network aws.nix:1:1:
(use '--show-trace' to show detailed location information)
`)

// Since Nix 2.14: the trace from the outside in, and then the error.
const errorLast = lines(`
error:
       … while evaluating the attribute 'args' of the derivation 'x'
         at /repo/network.nix:1:1:
            1| derivation
             | ^

       … while calling a function
         at /repo/sub/network aws.nix:12:34:
           12|   f x
             |   ^

       error: attribute 'missing' missing
       at /lib/modules.nix:4:9:
            4|     x = config.missing;
             |         ^
       Did you mean missin?
`)

describe("nixFailure", () => {
  it("finds the place nearest to the error when the error comes first", () => {
    expect(nixFailure(errorFirst, scope)).toEqual({
      at: "network.nix:7:5",
      lines: [
        "error: attribute 'missing' missing",
        "",
        "       at /lib/modules.nix:4:9:",
        "",
        "            3|   web = { config, ... }: {",
        "            4|     x = config.missing;",
        "             |         ^",
      ],
    })
  })

  it("finds the place nearest to the error when the error comes last", () => {
    expect(nixFailure(errorLast, scope)).toEqual({
      at: "sub/network aws.nix:12:34",
      lines: [
        "error: attribute 'missing' missing",
        "at /lib/modules.nix:4:9:",
        "     4|     x = config.missing;",
        "      |         ^",
        "Did you mean missin?",
      ],
    })
  })

  it("prefers the error's own place", () => {
    const stderr = lines(`
error: undefined variable 'x'

       at /repo/network.nix:3:4:

       … while evaluating something

       at /repo/network.nix:9:9:
`)
    expect(nixFailure(stderr, scope).at).toBe("network.nix:3:4")
  })

  it("names the file alone when the message has no position", () => {
    const stderr = [
      "error: The option `a' is defined twice:",
      "       - In `/repo/network.nix': 1",
      "       - In `/x': 2",
    ]
    expect(nixFailure(stderr, scope)).toEqual({ at: "network.nix", lines: stderr })
  })

  it("reads the place in a flake's copy in the store", () => {
    const stderr = ["error: oh", "       at /nix/store/0gl1bk6ldr1wkb8gax7k4dnqkwm5npz4-source/machines/web.nix:2:3:"]
    expect(nixFailure(stderr, { files: [], src: "/repo" }).at).toBe("machines/web.nix:2:3")
  })

  it("finds a file below src that nobody named", () => {
    expect(nixFailure(["error: oh", "       at /repo/modules/web server.nix:2:3:"], scope).at).toBe(
      "modules/web server.nix:2:3",
    )
  })

  it("says nothing of a place that it does not know", () => {
    expect(nixFailure(["error: oh", "       at /elsewhere/x.nix:2:3:"], scope).at).toBeUndefined()
    expect(nixFailure([], scope)).toEqual({ at: undefined, lines: [] })
  })
})

describe("errorLines", () => {
  it("keeps the errors of a build and drops what the builders say", () => {
    const stderr = [
      "building '/nix/store/x.drv'...",
      "one",
      "error: builder for '/nix/store/x.drv' failed with exit code 3;",
      "       last 10 log lines:",
      "       > one",
      "building '/nix/store/y.drv'...",
      "error: 1 dependencies of derivation '/nix/store/z.drv' failed to build",
    ]
    expect(errorLines(stderr)).toEqual([...stderr.slice(2, 5), stderr[6]])
  })

  it("shows the end of what was said when nothing looks like an error", () => {
    const stderr = Array.from({ length: 100 }, (_, index) => `line ${index}`)
    expect(errorLines(stderr)).toEqual(stderr.slice(-40))
  })
})
