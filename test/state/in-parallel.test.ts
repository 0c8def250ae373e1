import { setTimeout as sleep } from "node:timers/promises"
import { expect, test } from "vitest"
import { inParallel } from "../../src/state/in-parallel.ts"

test("does something to each item, as many at once as it may", async () => {
  const done: number[] = []
  let running = 0
  let most = 0
  const results = await inParallel([1, 2, 3, 4, 5, 6, 7], {
    atOnce: 3,
    act: async (item) => {
      running += 1
      most = Math.max(most, running)
      await sleep(item === 1 ? 10 : 1)
      done.push(item)
      running -= 1
      return item * 10
    },
  })
  expect(results).toEqual([10, 20, 30, 40, 50, 60, 70])
  expect(done.at(0)).not.toBe(1)
  expect(done.toSorted()).toEqual([1, 2, 3, 4, 5, 6, 7])
  expect(most).toBe(3)
})

test("begins nothing after a failure, and throws it when what had begun has ended", async () => {
  const ended: number[] = []
  const all = inParallel([1, 2, 3, 4, 5], {
    atOnce: 2,
    act: async (item) => {
      if (item === 2) throw new Error("two failed")
      await sleep(5)
      ended.push(item)
    },
  })
  await expect(all).rejects.toThrow("two failed")
  expect(ended).toEqual([1])
})

test("does nothing to no items", async () => {
  await inParallel([], { atOnce: 3, act: () => Promise.reject(new Error("called")) })
})
