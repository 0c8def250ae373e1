/**
 * Does something to each item, a few at once, and returns what came of it in the items' order. After a failure no further one is begun,
 * and it is thrown when the others have ended.
 */
export async function inParallel<T, R>(
  items: Iterable<T>,
  { atOnce, act }: { readonly atOnce: number; readonly act: (item: T) => Promise<R> },
): Promise<readonly R[]> {
  const results: R[] = []
  // A loop that throws closes the generator, which ends the loops of the others.
  const rest = (function* () {
    let index = 0
    for (const item of items) yield { item, index: index++ }
  })()
  const work = async (): Promise<void> => {
    for (const { item, index } of rest) results[index] = await act(item)
  }
  const ends = await Promise.allSettled(Array.from({ length: atOnce }, work))
  for (const end of ends) if (end.status === "rejected") throw end.reason
  return results
}
