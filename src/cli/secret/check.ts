import { stat } from "node:fs/promises"
import { Command } from "@commander-js/extra-typings"
import { Exit } from "../../errors.ts"
import { checkSecrets, type Problem } from "../../secrets/check.ts"
import { readSecretsText, type SecretsLocation, secretsFileMissing } from "../../secrets/location.ts"
import { examples } from "../help.ts"
import type { Io } from "../io.ts"
import { printable } from "../printable.ts"
import { findSecrets, ownerOption, secretsOption } from "./place.ts"

export const checkCommand = (io: Io) =>
  new Command("check")
    .description("Say everything that is wrong with secrets.json; exit 1 when something is.")
    .addOption(ownerOption())
    .addOption(secretsOption())
    .option("--json", "an array of problems on the standard output")
    .addHelpText("after", examples("alcides secret check --secrets ./secrets.json"))
    .action(async ({ json, ...flags }) => {
      const location = await findSecrets(io, flags)
      const { label, text } = await readSecretsText(location)
      if (text === undefined) throw secretsFileMissing(label)
      const problems = [...(await checkMode(location)), ...checkSecrets({ text, label })]
      if (json === true) io.stdout.write(`${JSON.stringify(problems, undefined, 2)}\n`)
      else io.stdout.write(report(label, problems))
      if (problems.length > 0) io.exit(Exit.failed)
    })

async function checkMode(location: SecretsLocation): Promise<readonly Problem[]> {
  if (location.kind !== "file") return []
  const mode = (await stat(location.path)).mode & 0o777
  if ((mode & 0o077) === 0) return []
  const message = `others can read or write it (mode 0${mode.toString(8)}): chmod 600 ${location.path}`
  return [{ code: "file-mode", path: "the file", position: "1:1", message }]
}

function report(label: string, problems: readonly Problem[]): string {
  if (problems.length === 0) return `${label}: nothing is wrong\n`
  return problems
    .map(({ position, path, message }) => `${printable(`${label}:${position}: ${path}: ${message}`)}\n`)
    .join("")
}
