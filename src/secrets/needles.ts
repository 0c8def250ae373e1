/** Finds any of many texts in one pass (Aho and Corasick, 1975). State 0 is the start. */
export interface Needles {
  /** Grows with every new text: a state of an older version means nothing. */
  readonly version: number
  add(needle: string): void
  /** The state after one more UTF-16 code unit. */
  step(state: number, code: number): number
  /** Length of the longest needle that ends here, or 0. */
  matched(state: number): number
  /** The same place, without the beginnings that no further code unit can carry on: nothing is lost by going on from here. */
  open(state: number): number
  /** How many of the last code units this state stands for: they begin a needle. */
  depth(state: number): number
  /** Length of the shortest needle that these code units begin. */
  shortest(state: number): number
  /** The next shorter beginning of a needle that ends here, or 0. */
  fallback(state: number): number
}

export function createNeedles(): Needles {
  let version = 0
  let linked = 0
  const roots = new Int32Array(0x1_0000)
  // One entry a state, held as a tree of first child and next sibling: most states have one child.
  const codes = [0]
  const children = [0]
  const siblings = [0]
  const depths = [0]
  const shortests = [0]
  const ends = [false]
  const fallbacks = [0]
  const matches = [0]

  const childOf = (state: number, code: number): number => {
    if (state === 0) return roots[code] ?? 0
    let child = children[state] ?? 0
    while (child !== 0 && codes[child] !== code) child = siblings[child] ?? 0
    return child
  }

  const addChild = (state: number, code: number, length: number): number => {
    const child = codes.push(code) - 1
    siblings.push(children[state] ?? 0)
    children[state] = child
    children.push(0)
    depths.push((depths[state] ?? 0) + 1)
    shortests.push(length)
    ends.push(false)
    fallbacks.push(0)
    matches.push(0)
    if (state === 0) roots[code] = child
    return child
  }

  const walk = (state: number, code: number): number => {
    let from = state
    while (from !== 0) {
      const child = childOf(from, code)
      if (child !== 0) return child
      from = fallbacks[from] ?? 0
    }
    return roots[code] ?? 0
  }

  // Breadth first, so that every fallback is known before the states that lean on it.
  const link = (): void => {
    const queue = [0]
    for (const state of queue) {
      for (let child = children[state] ?? 0; child !== 0; child = siblings[child] ?? 0) {
        const fallback = state === 0 ? 0 : walk(fallbacks[state] ?? 0, codes[child] ?? 0)
        fallbacks[child] = fallback
        matches[child] = ends[child] === true ? (depths[child] ?? 0) : (matches[fallback] ?? 0)
        queue.push(child)
      }
    }
    linked = version
  }

  return {
    get version() {
      return version
    },
    add(needle) {
      let state = 0
      for (let at = 0; at < needle.length; at += 1) {
        const code = needle.charCodeAt(at)
        const child = childOf(state, code)
        state = child === 0 ? addChild(state, code, needle.length) : child
        shortests[state] = Math.min(shortests[state] ?? 0, needle.length)
      }
      if (state === 0 || ends[state] === true) return
      ends[state] = true
      version += 1
    },
    step(state, code) {
      if (linked !== version) link()
      return walk(state, code)
    },
    open(state) {
      let from = state
      while (from !== 0 && children[from] === 0) from = fallbacks[from] ?? 0
      return from
    },
    matched: (state) => matches[state] ?? 0,
    depth: (state) => depths[state] ?? 0,
    shortest: (state) => shortests[state] ?? 0,
    fallback: (state) => fallbacks[state] ?? 0,
  }
}
