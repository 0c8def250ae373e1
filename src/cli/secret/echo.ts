import { Command } from "@commander-js/extra-typings"
import { parseProject } from "../../state/names.ts"
import { examples } from "../help.ts"
import type { Io } from "../io.ts"
import { conditionOption, defaultCondition } from "./condition-option.ts"
import { readSecretData } from "./data.ts"
import { addDataOptions } from "./data-options.ts"

export const echoCommand = (io: Io) => {
  const command = new Command("echo")
    .description("Print an entry for secrets.json on the standard output, secrets included, and change nothing.")
    .addOption(conditionOption())
    .option("--project <site/owner/repo>", "add the condition that `secret add` would give it for this project")
    .addHelpText("after", examples("alcides secret echo --password token --project github/neat-org/neat-repo"))
  const inputs = addDataOptions(command)
  return command.action(async ({ condition, project }) => {
    const granted = condition ?? (project === undefined ? undefined : defaultCondition(parseProject(project)))
    const data = await readSecretData(io, { inputs: inputs() })
    const entry = { kind: "Secret", data, ...(granted !== undefined && { condition: granted }) }
    io.stdout.write(`${JSON.stringify(entry, undefined, 2)}\n`)
  })
}
