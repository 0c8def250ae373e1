import { afterAll, expect, it } from "vitest"
import { silentLog } from "../../src/log.ts"
import { invalidPaths, outputsOf } from "../../src/nix/store.ts"
import { nixEnv, removeNixEnv } from "../support/nix.ts"

afterAll(removeNixEnv)

const options = async () => ({ env: await nixEnv(), log: silentLog, signal: new AbortController().signal })

it("says when the store does not answer, with Nix's own words", async () => {
  const { NIX_STORE_DIR: store = "" } = await nixEnv()
  const unknown = `${store}/00000000000000000000000000000000-unknown.drv`
  await expect(outputsOf([unknown], await options())).rejects.toMatchObject({
    code: "nix-store-failed",
    exit: 1,
    message: "the Nix store did not answer: nix-store --query --outputs",
    hint: "check the store with: nix-store --verify",
    detail: expect.stringContaining("unknown.drv"),
  })
})

it("asks nothing about no paths", async () => {
  expect(await invalidPaths([], await options())).toEqual([])
})
