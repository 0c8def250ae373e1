import { usageError, type AlcidesError } from "../../errors.ts"
import * as z from "../../schema.ts"
import { parseProject } from "../names.ts"
import type { Token } from "./tokens.ts"

const pattern = z.string().check(z.refine(isProject, "expected SITE/OWNER/REPO, such as github/neat-org/*"))
const exact = pattern.check(z.refine((text) => !text.includes("*"), "expected one project, without *"))

const tokenSchema = z.strictObject({
  sha256: z.string().check(z.regex(/^[0-9a-f]{64}$/, "expected 64 lower-case hexadecimal digits")),
  name: z.string().check(z.minLength(1)),
  projects: z.array(pattern).check(z.minLength(1)),
  access: z.enum(["read", "write"]),
  currentTask: z.optional(exact),
})

const tokensSchema = z.strictObject({ tokens: z.array(tokenSchema) })

/** Reads the text of a tokens file. Throws `serve-tokens-invalid`; never quotes a value, which may be a token by mistake. */
export function parseTokens({ text, label }: { readonly text: string; readonly label: string }): readonly Token[] {
  const file = z.safeParse(tokensSchema, parsed(text, label))
  if (file.success) return file.data.tokens
  const [issue] = file.error.issues
  throw invalid(`${label}: at ${issue?.path.join(".") || "its root"}: ${issue?.message ?? "it has another shape"}`)
}

function parsed(text: string, label: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw invalid(`${label} is no JSON`)
  }
}

function invalid(message: string): AlcidesError {
  return usageError({
    code: "serve-tokens-invalid",
    message,
    hint: '`alcides serve token` prints an entry; the file holds { "tokens": [ … ] }',
  })
}

function isProject(text: string): boolean {
  try {
    parseProject(text)
    return true
  } catch {
    return false
  }
}
