import { randomUUID } from "node:crypto"
import { createWriteStream, rmSync } from "node:fs"
import { lstat, open, realpath, rename, rm, stat } from "node:fs/promises"
import { dirname, join } from "node:path"
import type { Writable } from "node:stream"
import { AlcidesError, usageError } from "../../errors.ts"
import { fill, type Output } from "./fill.ts"
import { isSystemError, reasonOf, type SystemError } from "../../system-error.ts"

/**
 * Writes a file whole or not at all, readable by its owner alone. A pipe or a device is written as it is.
 * Throws `file-not-writable`.
 */
export async function writeWhole(file: string, output: Output): Promise<void> {
  const descriptor = descriptorOf(file)
  if (descriptor !== undefined) return writeInto(file, output, { fd: descriptor, autoClose: false })
  const target = await targetOf(file)
  const found = await stat(target).catch(() => undefined)
  if (found?.isDirectory() === true) throw notWritable({ file, why: "it is a folder" })
  if (found?.isFile() === false) return writeInto(target, output)
  const temporary = join(dirname(target), `.alcides-${randomUUID()}.tmp`)
  // A second signal ends this process at once: what was written by then may be secret.
  const forget = (): void => rmSync(temporary, { force: true })
  process.once("exit", forget)
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
  } finally {
    process.off("exit", forget)
  }
}

// What the shell opened is written where it stands: a file in its place would be no part of what the shell collects.
function descriptorOf(file: string): number | undefined {
  if (file === "/dev/stdout") return 1
  if (file === "/dev/stderr") return 2
  const number = /^\/(?:dev|proc\/self)\/fd\/(\d{1,9})$/.exec(file)?.[1]
  return number === undefined ? undefined : Number(number)
}

// Behind a link the file itself is replaced, and never the link.
async function targetOf(file: string): Promise<string> {
  try {
    return await realpath(file)
  } catch (error) {
    if (!isSystemError(error) || error.code !== "ENOENT") throw asFileError(error, file)
    const link = await lstat(file).catch(() => undefined)
    if (link?.isSymbolicLink() !== true) return file
    throw notWritable({ file, why: "it is a link to a file that does not exist", error })
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

async function writeInto(
  device: string,
  { content, signal }: Output,
  descriptor: { readonly fd?: number; readonly autoClose?: boolean } = {},
): Promise<void> {
  try {
    const { pipeline } = await import("node:stream/promises")
    await pipeline(content, createWriteStream(device, descriptor), { signal })
  } catch (error) {
    throw asFileError(error, device)
  }
}

// What the operating system says of the file is told in our words; what the store says passes as it is.
function asFileError(error: unknown, file: string): unknown {
  // A reader that went away is no fault of the file.
  if (!isSystemError(error) || error.code === "EPIPE") return error
  return notWritable({
    file,
    why: error.code === "ENOENT" ? "its folder does not exist" : reasonOf(error),
    error,
  })
}

// Of these the name of the file is not guilty.
const disk = new Set<string | undefined>(["ENOSPC", "EDQUOT", "EFBIG", "EIO"])

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
    cause: error,
  }
  return disk.has(error?.code)
    ? new AlcidesError({ ...details, hint: "free some space, or look at the disk" })
    : usageError({ ...details, hint: "name a file in a folder that exists and that you may write" })
}
