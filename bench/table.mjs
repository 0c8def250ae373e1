/** Prints rows of equal keys as an aligned table. */
export function printTable(rows) {
  const keys = Object.keys(rows[0] ?? {})
  const lines = [keys.map((key) => key.toUpperCase()), ...rows.map((row) => keys.map((key) => String(row[key])))]
  const widths = keys.map((_, column) => Math.max(...lines.map((line) => line[column].length)))
  for (const line of lines)
    console.log(
      line
        .map((cell, column) => cell.padEnd(widths[column]))
        .join("  ")
        .trimEnd(),
    )
}
