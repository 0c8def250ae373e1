import type { Kept } from "../../state/kept.ts"
import { hasColor } from "../color.ts"
import type { Io } from "../io.ts"
import { formatSize } from "../size.ts"
import { formatTable } from "../table.ts"
import { formatTime } from "../time.ts"

/** Shows what is kept on this machine: a table, or with `--json` an array. */
export function tellKept(io: Io, { kept, json }: { readonly kept: readonly Kept[]; readonly json: boolean }): void {
  if (json) {
    io.stdout.write(`${JSON.stringify(kept.map(objectOf), undefined, 2)}\n`)
    return
  }
  if (kept.length === 0) {
    io.stderr.write("nothing is kept on this machine\n")
    return
  }
  io.stdout.write(
    formatTable({
      columns: [
        { title: "project" },
        { title: "name" },
        { title: "base", align: "right" },
        { title: "kept" },
        { title: "why" },
        { title: "size", align: "right" },
        { title: "place" },
      ],
      rows: kept.map(({ path, kind, name, at, about }) => [
        about?.project ?? "",
        kind === "folder" ? `(effect ${name})` : name,
        String(about?.base ?? "?"),
        formatTime(at),
        about?.why ?? "",
        about === undefined ? "" : formatSize(about.size),
        path,
      ]),
      color: hasColor(io, io.stdout),
    }),
  )
}

function objectOf({ path, kind, name, at, about }: Kept): object {
  const { file: _, format: __, name: ___, kept: ____, ...known } = about ?? {}
  return { path, kind, name, kept: at, ...known }
}
