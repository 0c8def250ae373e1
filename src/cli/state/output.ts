import { randomUUID } from "node:crypto"
import { createWriteStream } from "node:fs"
import { open, realpath, rename, rm, stat } from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import type { Writable } from "node:stream"
import { AlcidesError, usageError } from "../../errors.ts"
import { fill, type Output } from "./fill.ts"
import { isSystemError, reasonOf, type SystemError } from "../../system-error.ts"

/**
 * Writes a file whole or not at all, readable by its owner alone. A pipe or a device is written as it is.
 * Throws `file-not-writable`.
 */
export async function writeWhole(file: string, output: Output): Promise<void> {
  const target = await realpath(file).catch(() => file)
  const found = await stat(target).catch(() => undefined)
  if (found?.isDirectory() === true) throw notWritable({ file, why: "it is a folder" })
  if (found?.isFile() === false) return writeInto(target, output)
  const temporary = join(dirname(target), `.${basename(target)}.${randomUUID()}.tmp`)
  try {
    const handle = await open(temporary, "wx", 0o600)
    try {
      await fill(handle, output)
    } finally {
      await handle.close()
    }
    await rename(temporary, target)
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {})
    throw asFileError(error, file)
  }
}

/** Writes to a stream that stays open, such as the standard output. `pipeline` does the same, and takes two milliseconds to begin. */
export async function writeTo(stream: Writable, { content, signal }: Output): Promise<void> {
  for await (const chunk of content) {
    signal.throwIfAborted()
    await new Promise<void>((resolve, reject) => {
      const abort = (): void => reject(signal.reason)
      signal.addEventListener("abort", abort, { once: true })
      stream.write(chunk, (error) => {
        signal.removeEventListener("abort", abort)
        if (error == null) resolve()
        else reject(error)
      })
    })
  }
}

/** Leaves no file of before; a pipe or a device stays. Throws `file-not-writable`. */
export async function removeWhole(file: string): Promise<void> {
  try {
    const target = await realpath(file)
    if ((await stat(target)).isFile()) await rm(target, { force: true })
  } catch (error) {
    if (!isSystemError(error) || error.code !== "ENOENT") throw asFileError(error, file)
  }
}

async function writeInto(device: string, { content, signal }: Output): Promise<void> {
  try {
    const { pipeline } = await import("node:stream/promises")
    await pipeline(content, createWriteStream(device), { signal })
  } catch (error) {
    throw asFileError(error, device)
  }
}

// What the operating system says of the file is told in our words; what the store says passes as it is.
function asFileError(error: unknown, file: string): unknown {
  if (!isSystemError(error)) return error
  return notWritable({
    file,
    why: error.code === "ENOENT" ? "its folder does not exist" : reasonOf(error),
    error,
  })
}

function notWritable({
  file,
  why,
  error,
}: {
  readonly file: string
  readonly why: string
  readonly error?: SystemError | undefined
}): AlcidesError {
  const details = {
    code: "file-not-writable",
    message: `${file} cannot be written: ${why}`,
    hint: "name a file in a folder that exists and that you may write",
    cause: error,
  }
  return error?.code === "ENOSPC" || error?.code === "EIO" ? new AlcidesError(details) : usageError(details)
}
