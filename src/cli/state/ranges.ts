/** Ascending numbers for people: 1, 2, 3, 5 as `1-3, 5`. */
export function rangesOf(ascending: readonly number[]): string {
  const ranges: { readonly first: number; last: number }[] = []
  for (const number of ascending) {
    const range = ranges.at(-1)
    if (range?.last === number - 1) range.last = number
    else ranges.push({ first: number, last: number })
  }
  return ranges.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(", ")
}
