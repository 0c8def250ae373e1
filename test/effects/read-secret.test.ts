import { inspect } from "node:util"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import * as z from "zod"
import * as mini from "zod/mini"
import { readSecretJSON, readSecretString } from "alcides/effects"
import { createEffectContext, type TestContext } from "../support/effect-context.ts"

let made: TestContext | undefined
const secret = {
  token: " t0ken ",
  "tls.crt": "certificate",
  database: { password: "hunter2hunter2", port: 5432, empty: "\n" },
  nothing: null,
}

beforeAll(async () => {
  made = await createEffectContext({ app: secret })
})
afterAll(() => made?.remove())

function context() {
  if (made === undefined) throw new Error("no context")
  return made.context
}

describe("readSecretString", () => {
  test.each<[string | readonly string[], string]>([
    ["token", " t0ken "],
    [".token", " t0ken "],
    ["database.password", "hunter2hunter2"],
    [["tls.crt"], "certificate"],
  ])("%j", (path, value) => {
    const found = readSecretString(context(), "app", path)
    expect(found.reveal()).toBe(value)
    expect(`${found} ${JSON.stringify(found)}`).toBe('*** "***"')
  })

  test.each<[string | readonly string[], string]>([
    ["tokn", "field tokn is missing"],
    ["database.pass", "field database.pass is missing"],
    ["databse.password", "field databse.password is missing"],
    ["database.empty", "field database.empty is empty"],
    ["nothing", "field nothing is missing"],
    ["__proto__", "field __proto__ is missing"],
    ["constructor.name", "field constructor.name is missing"],
    ["token.sub", "field token.sub is missing"],
  ])("%j is missing", (path, problem) => {
    expect(() => readSecretString(context(), "app", path)).toThrow(
      expect.objectContaining({ code: "secret-field-missing", message: `secret "app": ${problem}` }),
    )
  })

  test.each<[string, string]>([
    ["database", "field database is not as expected: expected a text, got object"],
    ["database.port", "field database.port is not as expected: expected a text, got number"],
  ])("%s is no text", (path, problem) => {
    expect(() => readSecretString(context(), "app", path)).toThrow(
      expect.objectContaining({ code: "secret-field-invalid", message: `secret "app": ${problem}` }),
    )
  })
})

describe("readSecretJSON", () => {
  test("gives what the schema says", () => {
    const schema = z.object({ database: z.object({ password: z.string(), port: z.int() }) })
    const { password, port } = readSecretJSON(context(), "app", schema).reveal().database
    expect([password, port]).toEqual(["hunter2hunter2", 5432])
  })

  test("takes schemas of zod/mini as well", () => {
    const schema = mini.object({ database: mini.object({ password: mini.string().check(mini.minLength(1)) }) })
    expect(readSecretJSON(context(), "app", schema).reveal().database.password).toBe("hunter2hunter2")
    expect(() => readSecretJSON(context(), "app", mini.object({ token: mini.number() }))).toThrow(
      expect.objectContaining({
        code: "secret-field-invalid",
        message: 'secret "app": field token is not as expected: Invalid input: expected number, received string',
      }),
    )
  })

  test("never tells the value", () => {
    const schemas = [
      z.object({ token: z.enum(["a", "b"]) }),
      z.object({ token: z.literal("x") }),
      z.object({ token: z.email() }),
      z.object({ database: z.strictObject({}) }),
      z.array(z.string()),
      z.object({ token: z.string() }).or(z.null()).pipe(z.never()),
    ]
    for (const schema of schemas) {
      try {
        readSecretJSON(context(), "app", schema)
        expect.unreachable()
      } catch (error) {
        expect(error).toMatchObject({ code: "secret-field-invalid" })
        expect(inspect(error)).not.toMatch(/t0ken|hunter2|5432/)
      }
    }
  })

  test("a secret that was not granted is the context's error", () => {
    expect(() => readSecretJSON(context(), "other", z.unknown())).toThrow(
      expect.objectContaining({ code: "secret-not-granted" }),
    )
  })
})
