import { AlcidesError, Exit } from "../../errors.ts"
import { aboutPath } from "./about.ts"
import type { Kept } from "./list.ts"
import { keptLeft } from "./failures.ts"
import { digestOf, type Digest } from "../content.ts"
import { assertUndamaged, keptContent, removeKept } from "./read.ts"
import { publicWriter } from "../records/state-record.ts"
import type { LeaseId, StateStore, StateVersion, Writer } from "../store.ts"

export type Recover = {
  readonly kept: Kept
  /** Its name in the store. */
  readonly name: string
  /** The version that it must follow; `undefined`: unknown, so that it goes in only where there is none at all. */
  readonly base: number | "absent" | undefined
  readonly store: StateStore
  /** On the state file's own lock. */
  readonly lease: LeaseId
  /** Who recovers it. */
  readonly writer: Writer
  /** Whether an empty state file is meant. */
  readonly allowEmpty: boolean
}

export type Recovered = {
  readonly version: StateVersion
  /** It was in the store already: the put had landed after all, or an earlier recover was interrupted. */
  readonly already: boolean
}

/**
 * Finishes the put of a kept file on top of the version that it was made from, then removes it. Throws `state-conflict` when somebody
 * wrote in between, `state-kept-damaged`, `state-kept-left`, and what `StateStore.put` throws; the kept file then stays.
 */
export async function recoverKept(recover: Recover): Promise<Recovered> {
  const { kept, name, store } = recover
  await assertUndamaged(kept)
  const content = await keptContent(kept, store.encryption)
  const history = (await store.history(name)) ?? []
  const there = await stored(history, { ...recover, content })
  const version =
    there ??
    (await put(recover, {
      content,
      base: baseOf(history, recover),
      writer: kept.about === undefined ? recover.writer : publicWriter(kept.about.writer),
    }))
  await removeKept(kept.path).catch((cause: unknown) => {
    throw keptLeft({ path: kept.path, about: aboutPath(kept.path), name, version: version.version, cause })
  })
  return { version, already: there !== undefined }
}

// The content as it would have been put, from its beginning at each call.
type Content = { readonly content: () => AsyncIterable<Uint8Array> }

async function put(
  { kept, name, store, lease, writer: { by }, allowEmpty }: Recover,
  { content, base, writer }: Content & { readonly base: number | "absent"; readonly writer: Writer },
): Promise<StateVersion> {
  const { message } = kept.about ?? {}
  const how = `kept ${kept.at}, recovered by ${by}`
  try {
    return await store.put(name, allowEmpty ? content() : notEmpty(content(), kept.path), {
      base,
      inClear: kept.about?.inClear === true,
      writer,
      message: message === undefined ? how : `${message} (${how})`,
      lease,
    })
  } catch (error) {
    throw error instanceof AlcidesError && error.code === "state-conflict" ? stillKept(error, kept.path) : error
  }
}

// Anything newer than what it was made from that has this very content: putting it again would only hide what came after.
async function stored(
  history: readonly StateVersion[],
  { name, base, store, content }: Recover & Content,
): Promise<StateVersion | undefined> {
  const since = typeof base === "number" ? base : (history.find(({ deleted }) => deleted === true)?.version ?? 0)
  const newer = history.filter(({ version, deleted }) => deleted !== true && version > since)
  if (newer.length === 0) return undefined
  const own = await digestOf(content())
  for (const version of newer) {
    const found = version.encrypted === undefined ? version : await contentOf(store, { name, version })
    if (found?.size === own.size && found.sha256 === own.sha256) return version
  }
  return undefined
}

async function contentOf(
  store: StateStore,
  { name, version: { version } }: { readonly name: string; readonly version: StateVersion },
): Promise<Digest | undefined> {
  const read = await store.get(name, { version })
  return read === undefined ? undefined : digestOf(read.content)
}

function baseOf(history: readonly StateVersion[], { kept, name, base }: Recover): number | "absent" {
  if (base !== undefined) return base
  if (history.length === 0) return "absent"
  throw new AlcidesError({
    code: "state-kept-base-unknown",
    message: `${kept.path} does not say which version of ${JSON.stringify(name)} it was made from, and the store has ${history.length}`,
    hint: `compare it with them (alcides state history --name ${name}), then add --on-top-of VERSION`,
    exit: Exit.stateAtRisk,
  })
}

function stillKept(conflict: AlcidesError, path: string): AlcidesError {
  return new AlcidesError({
    code: conflict.code,
    message: `${conflict.message}; ${path} stays where it is`,
    hint: `bring both together and put that, or, to put this one all the same: alcides state recover --file ${path} --on-top-of VERSION`,
    cause: conflict,
    exit: Exit.stateAtRisk,
  })
}

async function* notEmpty(content: AsyncIterable<Uint8Array>, path: string): AsyncGenerator<Uint8Array> {
  let size = 0
  for await (const chunk of content) {
    size += chunk.byteLength
    yield chunk
  }
  if (size > 0) return
  throw new AlcidesError({
    code: "state-empty",
    message: `${path} is empty; it was not put`,
    hint: "remove it if the program that wrote it failed, or add --allow-empty if an empty state file is meant",
    exit: Exit.stateAtRisk,
  })
}
