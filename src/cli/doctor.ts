import { Command } from "@commander-js/extra-typings"
import { Exit } from "../errors.ts"
import { hasColor, type Color } from "./color.ts"
import { checkMachine } from "./doctor/machine.ts"
import { checkProject } from "./doctor/project.ts"
import { checkRepository } from "./doctor/repository.ts"
import type { Finding } from "./doctor/finding.ts"
import { examples } from "./help.ts"
import type { Io } from "./io.ts"
import { projectOption } from "./project-option.ts"
import { storeOption } from "./store-options.ts"
import { formatTable, type Cell } from "./table.ts"

const colors: Readonly<Record<Finding["result"], Color>> = { ok: "green", warn: "yellow", fail: "red" }

/** `alcides doctor`: looks at everything a run needs, and says what to do about what is missing. */
export const doctorCommand = (io: Io) =>
  new Command("doctor")
    .description("Check that this machine has what the pipeline needs. Exits 1 when something would fail.")
    .addOption(projectOption())
    .addOption(storeOption())
    .option("--json", "an array of findings: { check, result, fact, hint? }")
    .addHelpText(
      "after",
      examples("alcides doctor", "alcides doctor --json | jq -r '.[] | select(.result == \"fail\").hint'"),
    )
    .action(async ({ json, ...where }) => {
      const findings = (await Promise.all([checkMachine(io), checkRepository(io), checkProject(io, where)])).flat()
      io.stdout.write(json === true ? `${JSON.stringify(findings, undefined, 2)}\n` : render(io, findings))
      if (findings.some(({ result }) => result === "fail")) io.exit(Exit.failed)
    })

function render(io: Io, findings: readonly Finding[]): string {
  const rows = findings.flatMap(({ check, result, fact, hint }): (readonly Cell[])[] => [
    [{ text: result, color: colors[result] }, check, fact],
    ...(hint === undefined ? [] : [["", "", `hint: ${hint}`]]),
  ])
  return formatTable({
    columns: [{ title: "result" }, { title: "check" }, { title: "fact" }],
    rows,
    color: hasColor(io, io.stdout),
  })
}
