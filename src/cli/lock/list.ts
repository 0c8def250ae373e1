import { Command } from "@commander-js/extra-typings"
import { formatProject } from "../../state/names.ts"
import type { LockStatus } from "../../state/store.ts"
import { hasColor } from "../color.ts"
import { examples } from "../help.ts"
import type { Io } from "../io.ts"
import { projectOption } from "../project-option.ts"
import { openProjectStore, storeOption } from "../store-options.ts"
import { formatTable } from "../table.ts"
import { formatTime } from "../time.ts"

export const listCommand = (io: Io) =>
  new Command("list")
    .description("Show who holds which lock, why, since when and until when, and how many wait.")
    .addOption(projectOption())
    .addOption(storeOption())
    .option("--json", "an array of locks with their leases")
    .addHelpText("after", examples("alcides lock list"))
    .action(async ({ json, ...where }) => {
      const store = await openProjectStore(io, { ...where, contents: "none" })
      const locks = await store.locks()
      if (json === true) {
        io.stdout.write(`${JSON.stringify(locks, undefined, 2)}\n`)
        return
      }
      if (locks.length === 0) {
        io.stderr.write(`no locks are held in ${formatProject(store.project)} at ${store.url}\n`)
        return
      }
      io.stdout.write(
        formatTable({
          columns: [
            { title: "lock" },
            { title: "mode" },
            { title: "by" },
            { title: "host" },
            { title: "since" },
            { title: "until" },
            { title: "waiting", align: "right" },
            { title: "lease" },
            { title: "description" },
            { title: "run" },
          ],
          rows: locks.flatMap(rowsOf),
          color: hasColor(io, io.stdout),
        }),
      )
    })

function rowsOf({ lock, leases, waiting, broken }: LockStatus): readonly (readonly string[])[] {
  const held = leases.map(({ id, exclusive, description, holder, acquired, expires }) => [
    lock,
    exclusive ? "exclusive" : "shared",
    holder.by,
    holder.host ?? "",
    formatTime(acquired),
    formatTime(expires),
    String(waiting),
    id,
    description,
    holder.runUrl ?? "",
  ])
  if (broken === undefined) return held.length > 0 ? held : [[lock, "free", "", "", "", "", String(waiting)]]
  // The last time that somebody broke it, also when somebody else holds it by now.
  const { by, at, reason = "" } = broken
  return [...held, [lock, "broken", by, "", formatTime(at), "", held.length > 0 ? "" : String(waiting), "", reason]]
}
