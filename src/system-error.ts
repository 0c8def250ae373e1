import { messageOf } from "./errors.ts"

const causes: Readonly<Record<string, string>> = {
  ENOENT: "it does not exist",
  ENOTDIR: "a part of its path is no folder",
  EISDIR: "it is a folder",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "the file system is read-only",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EFBIG: "the file would be larger than allowed",
  ENAMETOOLONG: "its name is too long",
}

export type SystemError = Error & { readonly code: string }

/** Whether the operating system said it, of a file or a stream. */
export function isSystemError(error: unknown): error is SystemError {
  return error instanceof Error && "syscall" in error && "code" in error && typeof error.code === "string"
}

/** Why, in words. */
export function reasonOf(error: unknown): string {
  return (isSystemError(error) ? causes[error.code] : undefined) ?? messageOf(error)
}
