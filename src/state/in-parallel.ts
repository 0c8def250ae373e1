/** Does something to each item, a few at once. After a failure no further one is begun, and it is thrown when the others have ended. */
export async function inParallel<T>(
  items: Iterable<T>,
  { atOnce, act }: { readonly atOnce: number; readonly act: (item: T) => Promise<void> },
): Promise<void> {
  // A loop that throws closes the generator, which ends the loops of the others.
  const rest = (function* () {
    yield* items
  })()
  const work = async (): Promise<void> => {
    for (const item of rest) await act(item)
  }
  const ends = await Promise.allSettled(Array.from({ length: atOnce }, work))
  for (const end of ends) if (end.status === "rejected") throw end.reason
}
