import { Readable } from "node:stream"
import { text } from "node:stream/consumers"
import { isDeepStrictEqual } from "node:util"
import { usageError } from "../errors.ts"
import * as z from "../schema.ts"
import type { Lease, StateStore, Writer } from "../state/store.ts"
import type { Ancestry } from "./commit.ts"
import type { Detected } from "./detect.ts"
import { deployedName } from "./record-names.ts"

/** Which commit an effect ran for last, kept in the store beside its state. */
const deployedSchema = z.object({
  format: z.literal(1),
  rev: z.string(),
  ref: z.nullable(z.string()),
  /** The committer's time, ISO 8601. */
  committed: z.nullable(z.string()),
  sequence: z.nullable(z.object({ workflow: z.string(), number: z.int() })),
  runUrl: z.nullable(z.string()),
})

export type Deployed = z.infer<typeof deployedSchema>

/** Why a run must not deploy over a newer one; `undefined` when it may. */
export function supersededBecause(current: Deployed, last: Deployed, ancestry: Ancestry): string | undefined {
  const what = `${short(last.rev)}${last.runUrl === null ? "" : ` (${last.runUrl})`}`
  if (ancestry === "same" || ancestry === "descendant") return undefined
  if (ancestry === "ancestor") return `${short(current.rev)} is older than ${what}, which was deployed already`
  // Without git's word, only runs for the same ref, or for two tags, can be put in order.
  const bothTags = isTag(current.ref) && isTag(last.ref)
  if (current.ref !== last.ref && !bothTags) return undefined
  if (current.sequence !== null && last.sequence !== null && current.sequence.workflow === last.sequence.workflow) {
    return current.sequence.number < last.sequence.number
      ? `run ${current.sequence.number} of ${current.sequence.workflow} began before run ${last.sequence.number}, which deployed ${what} already`
      : undefined
  }
  if (ancestry === "unknown" && current.committed !== null && last.committed !== null) {
    return Date.parse(current.committed) < Date.parse(last.committed)
      ? `${short(current.rev)} was committed before ${what}, which was deployed already`
      : undefined
  }
  return undefined
}

export type SupersededOptions = {
  readonly store: StateStore
  readonly detected: Detected
  /** The effect's place in the tree. */
  readonly id: string
}

/** Why a run must not deploy over what this effect ran for last; `undefined` when it may. Only reads. */
export async function newerDeployment(options: SupersededOptions): Promise<string | undefined> {
  return (await compareWithLast(options, undefined))?.because
}

/**
 * Looks up which commit this effect ran for last. When that was a newer one, says why this run must not go on; otherwise notes
 * that this commit has begun, so that no older run can follow, even if this one fails half-way.
 */
export async function claimDeployment({
  lease,
  allowOlder,
  ...options
}: SupersededOptions & {
  /** The effect's own lock, held. */
  readonly lease: Lease
  /** Deploy all the same. */
  readonly allowOlder: boolean
}): Promise<string | undefined> {
  const found = await compareWithLast(options, lease)
  // Without a commit there is no older and no newer.
  if (found === undefined) return undefined
  const { current, last, base, because } = found
  if (because !== undefined && !allowOlder) return because
  // The same run again, or the same commit typed again, has nothing new to remember.
  if (last !== undefined && isDeepStrictEqual(last, current)) return undefined
  const { store, id, detected } = options
  await note({ store, name: deployedName(id), current, lease, writer: detected.writer, base })
  return undefined
}

type Comparison = {
  readonly current: Deployed
  readonly last: Deployed | undefined
  /** The version of the record. */
  readonly base: number | "absent"
  readonly because: string | undefined
}

async function compareWithLast(
  { store, detected, id }: SupersededOptions,
  lease: Lease | undefined,
): Promise<Comparison | undefined> {
  const { repo, writer, sequence, commit } = detected
  if (commit === undefined) return undefined
  const name = deployedName(id)
  const read = await store.get(name, lease === undefined ? {} : { lease })
  const last = read === undefined ? undefined : parseDeployed(name, await text(Readable.from(read.content)))
  // Nothing is to be compared, and nothing to be noted.
  if (last === undefined && lease === undefined) return undefined
  const current: Deployed = {
    format: 1,
    rev: commit.rev,
    ref: repo.ref,
    committed: (last?.rev === commit.rev ? last.committed : null) ?? (await commit.committed()),
    sequence: latestOf(last?.rev === commit.rev ? last.sequence : null, sequence ?? null),
    runUrl: writer.runUrl ?? null,
  }
  const ancestry = last === undefined ? "same" : await commit.standsTo(last.rev)
  const because = last === undefined ? undefined : supersededBecause(current, last, ancestry)
  return { current, last, base: read?.version.version ?? "absent", because }
}

// The same commit again, by an older run or by hand, must not let an older commit's run pass that was behind it before.
function latestOf(last: Deployed["sequence"], own: Deployed["sequence"]): Deployed["sequence"] {
  if (last === null || own === null) return own ?? last
  return own.workflow === last.workflow && own.number < last.number ? last : own
}

async function note({
  store,
  name,
  current,
  lease,
  writer,
  base,
}: {
  readonly store: StateStore
  readonly name: string
  readonly current: Deployed
  readonly lease: Lease
  readonly writer: Writer
  readonly base: number | "absent"
}): Promise<void> {
  const content = Readable.from([Buffer.from(`${JSON.stringify(current)}\n`)])
  // In clear: it is no secret, and `plan` reads it also where nobody has an identity.
  await store.put(name, content, { base, writer, lease, message: `deploying ${short(current.rev)}`, inClear: true })
}

function parseDeployed(name: string, content: string): Deployed {
  try {
    return deployedSchema.parse(JSON.parse(content))
  } catch (cause) {
    throw usageError({
      code: "deployed-record-invalid",
      message: `state file ${name} is not the record of an effect's last commit, or is of a newer Alcides`,
      hint: `update Alcides, or look at it: alcides state get --name ${name} --file -`,
      cause,
    })
  }
}

const short = (rev: string): string => rev.slice(0, 7)
const isTag = (ref: string | null): boolean => ref?.startsWith("refs/tags/") === true
