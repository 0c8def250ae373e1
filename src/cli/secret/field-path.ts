import { usageError } from "../../errors.ts"

/** Reads `database.password`; `.` and the empty text are the whole data. Throws `field-path-invalid`. */
export function parseFieldPath(text: string): readonly string[] {
  if (text === "" || text === ".") return []
  const names = text.split(".")
  if (!text.includes('"') && names.every((name) => name !== "")) return names
  throw usageError({
    code: "field-path-invalid",
    message: `${JSON.stringify(text)} is no path of a field`,
    hint: 'write names with dots between them, such as database.password; for a name with a dot in it use --json . \'{"a.b": "…"}\'',
  })
}

export function formatFieldPath(path: readonly string[]): string {
  return path.length === 0 ? "the data" : path.join(".")
}
