import { paint, type Color } from "./color.ts"
import { printable } from "./printable.ts"
import { displayWidth } from "./width.ts"

export type Column = { readonly title: string; readonly align?: "left" | "right" }

export type Cell = string | { readonly text: string; readonly color: Color }

export type Table = {
  readonly columns: readonly Column[]
  /** As many cells as columns; what is missing is empty. */
  readonly rows: readonly (readonly Cell[])[]
  readonly color: boolean
}

const gap = "  "

/** Aligned columns under upper-case titles, a line a row. Values are never cut or wrapped; lines end without blanks. */
export function formatTable({ columns, rows, color }: Table): string {
  const titles = columns.map(({ title }): Cell => ({ text: title.toUpperCase(), color: "dim" }))
  const lines = [titles, ...rows].map((row) => columns.map((_, index) => cellOf(row[index])))
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => displayWidth(line[index]?.text ?? ""))))
  return lines
    .map((line) => {
      const cells = line.map(({ text, color: wanted }, index) => {
        const shown = color && wanted !== undefined && text !== "" ? paint(text, wanted) : text
        const padding = " ".repeat((widths[index] ?? 0) - displayWidth(text))
        if (columns[index]?.align === "right") return padding + shown
        return line.slice(index + 1).every(({ text }) => text === "") ? shown : shown + padding
      })
      return `${cells.join(gap).trimEnd()}\n`
    })
    .join("")
}

function cellOf(cell: Cell | undefined): { readonly text: string; readonly color?: Color } {
  if (cell === undefined) return { text: "" }
  return typeof cell === "string" ? { text: printable(cell) } : { text: printable(cell.text), color: cell.color }
}
