import { readFile } from "node:fs/promises"
import * as z from "zod/mini"
import { AlcidesError } from "alcides"

const resource = z.looseObject({ type: z.string() })
const deployment = z.looseObject({ resources: z.record(z.string(), resource) })
const exported = z.record(z.uuid({ error: "is no UUID of a deployment" }), deployment)

export type NixOpsExport = { readonly uuid: string; readonly resources: readonly string[] }

/** Reads what `nixops export` wrote: one deployment, by its UUID. Throws an Error that says what is wrong with it. */
export async function readExport(path: string): Promise<NixOpsExport> {
  const text = await readFile(path, "utf8")
  if (text.trim() === "") throw new Error("it is empty")
  const parsed = exported.safeParse(parseJson(text))
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    const reason = issue?.code === "invalid_key" ? issue.issues[0]?.message : issue?.message
    throw new Error(`${issue?.path.join(".") || "it"}: ${reason}`)
  }
  const [[uuid, only] = [], ...others] = Object.entries(parsed.data)
  if (uuid === undefined || only === undefined) throw new Error("it holds no deployment")
  if (others.length > 0) throw new Error(`it holds ${others.length + 1} deployments, and must hold one`)
  return { uuid, resources: Object.keys(only.resources) }
}

// JSON.parse quotes the text in its messages, and state holds private keys.
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Error("it is not JSON")
  }
}

/** That the new export must not be put. */
export function exportInvalid(why: string): AlcidesError {
  return new AlcidesError({
    code: "nixops-export-invalid",
    message: `what nixops exported is not put: ${why}`,
    hint: "the deployment may have changed: NixOps' own database is kept, look at it with nixops info",
  })
}
