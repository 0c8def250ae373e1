import { open, type FileHandle } from "node:fs/promises"
import { tmpdir } from "node:os"
import { resolve } from "node:path"
import { addAbortSignal, type Readable } from "node:stream"
import { AlcidesError, usageError } from "../../errors.ts"
import { contentOfOpen, openNamelessFile } from "../../state/nameless-file.ts"
import type { Io } from "../io.ts"
import { reasonOf } from "../../system-error.ts"

/** What `--file` names, to be read as often as it takes. */
export interface Input {
  /** From its beginning. */
  content(): AsyncIterable<Uint8Array>
  close(): Promise<void>
}

/**
 * Opens what `--file` names; `-` is the standard input. What is no plain file is read to its end first, into a file that has no name
 * and is gone with this process. Throws `file-not-readable`, and `state-empty` unless an empty input is allowed.
 */
export async function openInput(
  io: Io,
  { file, allowEmpty }: { readonly file: string; readonly allowEmpty: boolean },
): Promise<Input> {
  const handle = file === "-" ? await spool(io, io.stdin) : await openFile(io, file)
  try {
    const { bytesRead } = await handle.read(Buffer.alloc(1), 0, 1, 0)
    if (bytesRead === 0 && !allowEmpty) {
      throw new AlcidesError({
        code: "state-empty",
        message: `${file === "-" ? "the standard input" : file} is empty; nothing was written`,
        hint: "did the program that writes it fail? add --allow-empty if an empty state file is meant",
      })
    }
  } catch (error) {
    await handle.close()
    throw error
  }
  return { content: () => unchanged(file, handle), close: () => handle.close() }
}

// Half of an old state and half of a new one is no state.
async function* unchanged(file: string, handle: FileHandle): AsyncGenerator<Uint8Array> {
  const before = await handle.stat()
  yield* contentOfOpen(handle)
  const after = await handle.stat()
  if (after.size === before.size && after.mtimeMs === before.mtimeMs) return
  throw new AlcidesError({
    code: "file-changed",
    message: `${file} was changed while it was read; nothing was put`,
    hint: "put it again when its writer has ended",
  })
}

async function openFile(io: Io, file: string): Promise<FileHandle> {
  const handle = await open(resolve(io.cwd, file)).catch((error: unknown) => {
    throw usageError({
      code: "file-not-readable",
      message: `${file} cannot be read: ${reasonOf(error)}`,
      hint: "name a file that exists and that you may read, or - for the standard input",
      cause: error,
    })
  })
  const info = await handle.stat()
  if (info.isFile()) return handle
  if (!info.isDirectory()) return spool(io, handle.createReadStream())
  await handle.close()
  throw usageError({
    code: "file-not-readable",
    message: `${file} cannot be read: it is a folder`,
    hint: "name a file, or - for the standard input",
  })
}

async function spool(io: Io, source: Readable): Promise<FileHandle> {
  const folder = resolve(io.env["TMPDIR"] || tmpdir())
  const handle = await openNamelessFile(folder).catch((error: unknown) => {
    throw notSpooled({ folder, error })
  })
  try {
    for await (const chunk of addAbortSignal(io.signal, source)) {
      const bytes = chunk instanceof Uint8Array ? chunk : Buffer.from(String(chunk))
      await handle.writeFile(bytes).catch((error: unknown) => {
        throw notSpooled({ folder, error })
      })
    }
    return handle
  } catch (error) {
    await handle.close()
    throw error
  }
}

function notSpooled({ folder, error }: { readonly folder: string; readonly error: unknown }): AlcidesError {
  return new AlcidesError({
    code: "state-not-spooled",
    message: `the input cannot be kept in ${folder}: ${reasonOf(error)}; nothing was put`,
    hint: "set TMPDIR to a folder with space for it, or write it to a file yourself and name that with --file",
    cause: error,
  })
}
