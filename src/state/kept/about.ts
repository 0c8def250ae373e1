import { readFile, stat } from "node:fs/promises"
import { basename } from "node:path"
import * as z from "zod/mini"
import { unlessMissing } from "../../errors.ts"
import { readable } from "./failures.ts"
import { writerSchema } from "../records/state-record.ts"

/** What is known of a kept file, in a file beside it. Format 1. */
export const keptAboutSchema = z.object({
  format: z.literal(1),
  /** The name of the kept file, in the same folder. */
  file: z.string(),
  /** The state file's name in the store. */
  name: z.string(),
  /** As `formatProject` writes it. */
  project: z.string(),
  /** The URL of the store, without credentials. */
  store: z.string(),
  /** The version it was made from; left out when the store could not even say which one is current. */
  base: z.optional(z.union([z.int().check(z.positive()), z.literal("absent")])),
  writer: writerSchema,
  message: z.optional(z.string()),
  /** ISO 8601, by this machine's clock. */
  kept: z.string(),
  /** The code of the error that the put ended with. */
  why: z.string(),
  /** Bytes, as kept. */
  size: z.int().check(z.nonnegative()),
  /** Hexadecimal, of the bytes as kept. */
  sha256: z.string(),
  /** Set when the kept file is an age file, with the public keys it is for. */
  encrypted: z.optional(z.object({ recipients: z.array(z.string()) })),
  /** Set when it was to be put in clear, whatever the store's encryption. */
  inClear: z.optional(z.boolean()),
})

export type KeptAbout = z.infer<typeof keptAboutSchema>

const suffix = ".kept"
const longest = 64 * 1024

/** The file beside a kept file that says what it is. */
export function aboutPath(kept: string): string {
  return `${kept}${suffix}`
}

/** What the file beside a kept file says; `undefined` when there is none that can be read as such. */
export async function readAbout(kept: string): Promise<KeptAbout | undefined> {
  return parseAbout(aboutPath(kept), basename(kept))
}

/** The kept file that this file is about; `undefined` when it is about none. */
export async function keptFileOf(path: string): Promise<string | undefined> {
  if (!path.endsWith(suffix)) return undefined
  const kept = path.slice(0, -suffix.length)
  return (await parseAbout(path, basename(kept))) === undefined ? undefined : kept
}

async function parseAbout(path: string, file: string): Promise<KeptAbout | undefined> {
  const info = await readable(path, unlessMissing(stat(path), undefined))
  if (info === undefined || !info.isFile() || info.size > longest) return undefined
  const about = z.safeParse(keptAboutSchema, jsonOf(await readable(path, readFile(path, "utf8"))))
  return about.success && about.data.file === file ? about.data : undefined
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
