import { Command } from "@commander-js/extra-typings"
import { examples } from "../help.ts"
import { hasColor } from "../color.ts"
import type { Io } from "../io.ts"
import { projectOption } from "../project-option.ts"
import { formatSize } from "../size.ts"
import { openProjectStore, storeOption } from "../store-options.ts"
import { formatTable } from "../table.ts"
import { formatTime } from "../time.ts"
import { formatProject } from "../../state/names.ts"
import { encryptedCell, hasEncrypted } from "./encrypted-cell.ts"

export const listCommand = (io: Io) =>
  new Command("list")
    .description("List the state files of the project.")
    .addOption(projectOption())
    .addOption(storeOption())
    .option("--json", "an array of objects")
    .addHelpText("after", examples("alcides state list", "alcides state list --json | jq -r '.[].name'"))
    .action(async ({ json, ...where }) => {
      const store = await openProjectStore(io, { ...where, contents: "none" })
      const files = await store.list()
      if (json === true) {
        io.stdout.write(`${JSON.stringify(files, undefined, 2)}\n`)
        return
      }
      if (files.length === 0) {
        io.stderr.write(`no state files in ${formatProject(store.project)} at ${store.url}\n`)
        return
      }
      const isEncrypted = hasEncrypted(files.map(({ current }) => current))
      io.stdout.write(
        formatTable({
          columns: [
            { title: "name" },
            { title: "version", align: "right" },
            { title: "size", align: "right" },
            ...(isEncrypted ? [{ title: "encrypted" }] : []),
            { title: "created" },
            { title: "by" },
          ],
          rows: files.map(({ name, current }) => [
            name,
            String(current.version),
            formatSize(current.size),
            ...(isEncrypted ? [encryptedCell(current)] : []),
            formatTime(current.created),
            current.writer.by,
          ]),
          color: hasColor(io, io.stdout),
        }),
      )
    })
