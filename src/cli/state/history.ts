import { Command } from "@commander-js/extra-typings"
import { absentState } from "./absent.ts"
import { encryptedCell, hasEncrypted } from "./encrypted-cell.ts"
import { nameOption } from "./options.ts"
import { hasColor } from "../color.ts"
import { examples } from "../help.ts"
import type { Io } from "../io.ts"
import { projectOption } from "../project-option.ts"
import { formatSize } from "../size.ts"
import { openProjectStore, storeOption } from "../store-options.ts"
import { formatTable } from "../table.ts"
import { formatTime } from "../time.ts"
import type { StateVersion } from "../../state/store.ts"

export const historyCommand = (io: Io) =>
  new Command("history")
    .description("Show the versions of a state file, newest first.")
    .addOption(nameOption())
    .addOption(projectOption())
    .addOption(storeOption())
    .option("--json", "an array of versions, newest first")
    .addHelpText("after", examples("alcides state history --name nixops-foo.json"))
    .action(async ({ name, json, ...where }) => {
      const store = await openProjectStore(io, { ...where, contents: "none" })
      const versions = await store.history(name)
      if (versions === undefined) throw await absentState(store, { name })
      const columns = {
        hasRuns: versions.some(({ writer }) => writer.runUrl !== undefined),
        isEncrypted: hasEncrypted(versions),
      }
      io.stdout.write(
        json === true
          ? `${JSON.stringify(versions, undefined, 2)}\n`
          : formatTable({
              columns: [
                { title: "version", align: "right" },
                { title: "created" },
                { title: "size", align: "right" },
                { title: "sha256" },
                ...(columns.isEncrypted ? [{ title: "encrypted" }] : []),
                { title: "by" },
                { title: "rev" },
                ...(columns.hasRuns ? [{ title: "run" }] : []),
                { title: "message" },
              ],
              rows: versions.map((version) => rowOf(version, columns)),
              color: hasColor(io, io.stdout),
            }),
      )
    })

function rowOf(
  version: StateVersion,
  { hasRuns, isEncrypted }: { readonly hasRuns: boolean; readonly isEncrypted: boolean },
): readonly string[] {
  const { created, size, sha256, writer, deleted } = version
  return [
    String(version.version),
    formatTime(created),
    ...(deleted === true ? ["", ""] : [formatSize(size), sha256.slice(0, 12)]),
    ...(isEncrypted ? [encryptedCell(version)] : []),
    writer.by,
    writer.rev?.slice(0, 7) ?? "",
    ...(hasRuns ? [writer.runUrl ?? ""] : []),
    remark(version),
  ]
}

function remark({ deleted, rollbackOf, message, pinned }: StateVersion): string {
  const kind = deleted === true ? "deleted" : rollbackOf === undefined ? undefined : `rollback to ${rollbackOf}`
  const why = [kind, message].filter((part) => part !== undefined).join(": ")
  const reason = pinned?.reason === undefined ? "" : `: ${pinned.reason}`
  return pinned === undefined ? why : `${why} [pinned by ${pinned.by}${reason}]`.trimStart()
}
