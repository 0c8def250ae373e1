import { randomUUID } from "node:crypto"
import { link, open, readdir, readFile, stat, unlink } from "node:fs/promises"
import { dirname, join } from "node:path"
import * as z from "zod/mini"
import { AlcidesError, usageError } from "../../../errors.ts"
import { makeFolders } from "../../../folders.ts"
import { parseRecord } from "../../records/records.ts"
import type { RunStep } from "./steps.ts"

const leftoverAge = 3600_000

const markerSchema = z.strictObject({ format: z.literal(1), id: z.string() })

/** The folder that holds a store: its marker, its temporary files, its durability. */
export interface StoreFolder {
  readonly root: string
  /** True when the store is there; false when nothing was ever put here. Throws for a folder that is no store. */
  exists(): Promise<boolean>
  /** Asked before anything is called absent: throws `store-missing` when the store that was here is not here any more. */
  assertStill(): Promise<void>
  /** Makes the store when it is not there yet. */
  create(): Promise<void>
  /** Makes a folder, and all above it, to stay. */
  makeFolder(path: string): Promise<void>
  /** A name for a new temporary file, on the file system of the store. */
  temporary(): string
  writeTemporary(
    text: string,
  ): Promise<{ readonly path: string; /** By the store's clock. */ readonly written: number }>
  /** What was renamed or linked in this folder stays, also when the power goes. */
  settle(folder: string): Promise<void>
  /** Removes a temporary file, now or later. */
  discard(path: string): Promise<void>
  /** What is not there already is no failure. */
  remove(path: string): Promise<void>
  now(): Promise<number>
  /** Removes what crashed writers left. */
  clean(): Promise<void>
}

/** A store's folder on a local disk or NFS. */
export function storeFolder({
  root,
  step,
  create,
}: {
  readonly root: string
  readonly step: RunStep
  readonly create: boolean
}): StoreFolder {
  const markerPath = join(root, "alcides-store.json")
  const temporaries = join(root, "tmp")
  /** The id of the store, once it was seen. */
  let known: string | undefined
  let writable = false

  const readMarker = async (): Promise<string | undefined> => {
    const text = await step({ name: "read marker", path: markerPath, expect: ["ENOENT", "ENOTDIR"] }, () =>
      readFile(markerPath, "utf8"),
    )
    return text === undefined ? undefined : parseRecord({ text, schema: markerSchema, where: markerPath }).id
  }

  const exists = async (): Promise<boolean> => {
    known ??= await readMarker()
    if (known !== undefined) return true
    if (!create) {
      throw new AlcidesError({
        code: "store-missing",
        message: `there is no state store at ${root}`,
        hint: "is its file system mounted? leave out create=never to make a new store",
      })
    }
    const entries = await step({ name: "list root", path: root, expect: ["ENOENT"] }, () =>
      readdir(root).catch(unlessFolder),
    )
    if (entries === "file") throw folderInUse(`${root} is no folder: it is a file, or below one`)
    // What could not be put is kept below the folder of the user's own store, which may not be there yet.
    const isEmpty = entries?.every((entry) => entry === "tmp" || entry === "kept") ?? true
    // Another program may have made the store since the marker was looked for.
    if (!isEmpty) known = await readMarker()
    if (isEmpty || known !== undefined) return known !== undefined
    throw folderInUse(`${root} is no state store, and there is something else in it`)
  }

  const assertStill = async (): Promise<void> => {
    if (known === undefined || (await readMarker()) === known) return
    throw new AlcidesError({
      code: "store-missing",
      message: `the state store at ${root} is not there any more`,
      hint: "was its file system unmounted, or the folder replaced? nothing was changed",
    })
  }

  const settle = async (folder: string): Promise<void> => {
    await step({ name: "sync folder", path: folder }, async () => {
      const handle = await open(folder, "r")
      try {
        await handle.sync()
      } finally {
        await handle.close()
      }
    })
  }

  const makeFolder = async (path: string): Promise<void> => {
    const first = await step({ name: "make folder", path }, () => makeFolders(path))
    if (first === undefined) return
    for (let made = path; made.length >= first.length; made = dirname(made)) await settle(dirname(made))
  }

  const temporary = (): string => join(temporaries, randomUUID())

  const remove = async (path: string): Promise<void> => {
    await step({ name: "remove", path, expect: ["ENOENT"] }, () => unlink(path))
  }

  // What cannot be removed now is removed when it is old.
  const discard = (path: string): Promise<void> => remove(path).catch(() => {})

  const writeTemporary = async (text: string, durable = true): Promise<{ path: string; written: number }> => {
    const path = temporary()
    try {
      const written = await step({ name: "write temporary", path }, async () => {
        const handle = await open(path, "w", 0o600)
        try {
          await handle.writeFile(text)
          if (durable) await handle.sync()
          return (await handle.stat()).mtimeMs
        } finally {
          await handle.close()
        }
      })
      return { path, written: Math.floor(written) }
    } catch (error) {
      await discard(path)
      throw error
    }
  }

  const createStore = async (): Promise<void> => {
    if (writable) return
    const isThere = await exists()
    await assertStill()
    await makeFolder(temporaries)
    if (!isThere) await mark()
    known ??= await readMarker()
    writable = true
  }

  const mark = async (): Promise<void> => {
    const { path } = await writeTemporary(`${JSON.stringify({ format: 1, id: randomUUID() })}\n`)
    // Another writer may have been first; either marker is good.
    await step({ name: "link marker", path: markerPath, expect: ["EEXIST"] }, () => link(path, markerPath))
    await settle(root)
    await discard(path)
  }

  // The time that the file system gives to a file just written, which on NFS is the server's.
  const now = async (): Promise<number> => {
    await createStore()
    const { path, written } = await writeTemporary("", false)
    await discard(path)
    return written
  }

  const clean = async (): Promise<void> => {
    const time = await now()
    for (const entry of await step({ name: "list temporaries", path: temporaries }, () => readdir(temporaries))) {
      const path = join(temporaries, entry)
      const found = await step({ name: "stat temporary", path, expect: ["ENOENT"] }, () => stat(path))
      if (found !== undefined && found.mtimeMs + leftoverAge < time) await discard(path)
    }
  }

  return {
    root,
    exists,
    assertStill,
    create: createStore,
    makeFolder,
    temporary,
    writeTemporary,
    settle,
    discard,
    remove,
    now,
    clean,
  }
}

function folderInUse(message: string): AlcidesError {
  return usageError({ code: "store-folder-in-use", message, hint: "name an empty or a new folder" })
}

function unlessFolder(error: unknown): "file" {
  if (error instanceof Error && "code" in error && error.code === "ENOTDIR") return "file"
  throw error
}
