import { open } from "node:fs/promises"
import { dirname } from "node:path"
import { Command } from "@commander-js/extra-typings"
import { messageOf, usageError } from "../../errors.ts"
import { makeFolders } from "../../folders.ts"
import { examples } from "../help.ts"
import type { Io } from "../io.ts"
import { findSecretsFile, ownerOption, secretsOption } from "./place.ts"

export const initLocalCommand = (io: Io) =>
  new Command("init-local")
    .description("Make an empty secrets.json for the owner of a project; one that is there is left alone.")
    .addOption(ownerOption())
    .addOption(secretsOption())
    .addHelpText("after", examples("alcides secret init-local --project github/neat-org/neat-repo"))
    .action(async (flags) => {
      const path = await findSecretsFile(io, flags)
      const isNew = await createEmpty(path)
      io.stderr.write(`secrets file ${isNew ? "created" : "already there"}: ${path}\n`)
    })

// Whoever comes second finds the file of the first.
async function createEmpty(path: string): Promise<boolean> {
  try {
    await makeFolders(dirname(path))
    const file = await open(path, "wx", 0o600)
    try {
      await file.writeFile("{}\n")
      await file.sync()
    } finally {
      await file.close()
    }
    return true
  } catch (cause) {
    if (
      cause instanceof Error &&
      "syscall" in cause &&
      cause.syscall === "open" &&
      "code" in cause &&
      cause.code === "EEXIST"
    ) {
      return false
    }
    throw usageError({
      code: "secrets-file-not-writable",
      message: `cannot make ${path}: ${messageOf(cause)}`,
      hint: "give --secrets FILE in a folder that you may write",
      cause,
    })
  }
}
