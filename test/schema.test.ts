import { expect, test } from "vitest"
import * as z from "../src/schema.ts"

test("a mistake is told in English", () => {
  expect(z.safeParse(z.string(), 5).error?.issues[0]?.message).toBe("Invalid input: expected string, received number")
})
