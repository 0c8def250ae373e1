/** A time for people: ISO 8601 in UTC to the second, so that it reads the same in every log. JSON keeps the full value. */
export function formatTime(iso: string): string {
  return iso.replace(/\.\d+Z$/, "Z")
}
