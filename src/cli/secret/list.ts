import { Command } from "@commander-js/extra-typings"
import { type Condition, evaluateCondition, type Verdict } from "../../secrets/condition.ts"
import { readSecrets } from "../../secrets/location.ts"
import type { SecretEntry } from "../../secrets/secrets-file.ts"
import { hasColor } from "../color.ts"
import { examples } from "../help.ts"
import type { Io } from "../io.ts"
import { type Cell, formatTable } from "../table.ts"
import { formatCondition } from "./format-condition.ts"
import { findSecrets, ownerOption, repoOf, secretsOption } from "./place.ts"

type Row = {
  readonly name: string
  /** The names of the fields in its data, never their values. */
  readonly fields: readonly string[]
  readonly condition: Condition | null
  readonly holds: boolean
  readonly because: string
}

export const listCommand = (io: Io) =>
  new Command("list")
    .description("List the secrets, their fields and whether their conditions hold. Values are never shown.")
    .option("--ref <ref>", "decide for this ref, such as refs/heads/production (default: the CI's, else git's)")
    .option("--branch <name>", "short for --ref refs/heads/NAME")
    .option("--tag <name>", "short for --ref refs/tags/NAME")
    .addOption(ownerOption())
    .addOption(secretsOption())
    .option("--json", "an array of objects on the standard output")
    .addHelpText("after", examples("alcides secret list", "alcides secret list --branch production"))
    .action(async ({ json, ...flags }) => {
      const repo = await repoOf(io, flags)
      const { label, missing, entries } = await readSecrets(await findSecrets(io, flags))
      if (missing) io.stderr.write(`there is no secrets file ${label}; alcides secret init-local makes one\n`)
      const rows = [...entries].map(([name, entry]) =>
        rowOf(name, entry, (condition) => evaluateCondition(condition, repo)),
      )
      if (json === true) io.stdout.write(`${JSON.stringify(rows, undefined, 2)}\n`)
      else if (!missing) io.stdout.write(table(rows, hasColor(io, io.stdout)))
    })

function rowOf(name: string, entry: SecretEntry, evaluate: (condition: Condition) => Verdict): Row {
  if (entry.status === "malformed") {
    const because = entry.problems.map(({ path, position, message }) => `${position}: ${path}: ${message}`).join("; ")
    return { name, fields: [], condition: null, holds: false, because: `malformed: ${because}` }
  }
  const { data, condition } = entry
  const verdict =
    condition === undefined
      ? { holds: false, because: "it has no condition, and no condition means no access" }
      : evaluate(condition)
  return { name, fields: Object.keys(data.reveal()), condition: condition ?? null, ...verdict }
}

function table(rows: readonly Row[], color: boolean): string {
  return formatTable({
    columns: [
      { title: "name" },
      { title: "fields" },
      { title: "condition" },
      { title: "granted" },
      { title: "because" },
    ],
    rows: rows.map(({ name, fields, condition, holds, because }): readonly Cell[] => [
      name,
      fields.join(", "),
      condition === null ? "" : formatCondition(condition),
      holds ? { text: "yes", color: "green" } : { text: "no", color: "yellow" },
      because,
    ]),
    color,
  })
}
