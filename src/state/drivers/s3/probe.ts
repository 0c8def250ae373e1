import { randomBytes } from "node:crypto"
import { AlcidesError } from "../../../errors.ts"
import { unusable, type Failure, type Step } from "./failures.ts"
import { patience } from "./patience.ts"
import type { Outcome, S3Requests } from "./requests.ts"

/** Whether a server keeps its word on conditional writes, and how it wants them. */
export type Verdict = {
  /** What went wrong, for people; `undefined` when nothing did. */
  readonly unsafe?: string | undefined
  /** Whether `If-Match` wants the quotes of the ETag. */
  readonly quoted: boolean
  /** Whether the bucket keeps versions, where some servers race. */
  readonly versioned: boolean
}

const writersPerRace = 8
// Servers that race do so in nearly every round; a bucket with versions is where they do.
const races = { unversioned: 3, versioned: 10 }

type Put = { readonly etag: string; readonly version: string | undefined }
type Condition = { readonly IfNoneMatch: "*" } | { readonly IfMatch: string }

/** An outcome that proves nothing, such as a connection that broke: the probe starts over. */
class Inconclusive extends Error {
  readonly failure: Failure

  constructor(failure: Failure) {
    super(failure.code)
    this.failure = failure
  }
}

/** Tries conditional writes on objects of its own, one after another and many at once. Throws when the server cannot be asked. */
export async function probe(requests: S3Requests, { quoted }: Pick<Verdict, "quoted">): Promise<Verdict> {
  const { another } = patience()
  for (;;) {
    try {
      return await probeOnce(requests, quoted)
    } catch (error) {
      if (!(error instanceof Inconclusive)) throw error
      if (!(await another(error.failure))) throw requests.error(error.failure, probeStep(""))
    }
  }
}

function probeStep(key: string): Step {
  return { name: "probe", key }
}

async function probeOnce(requests: S3Requests, quotedFirst: boolean): Promise<Verdict> {
  const { bucket: Bucket, prefix } = requests.place
  const folder = `tmp/probe-${randomBytes(8).toString("hex")}`
  const made: string[] = []
  let versioned = false
  let quoted = quotedFirst
  const match = (etag: string): Condition => ({ IfMatch: quoted ? `"${etag}"` : etag })

  const put = async (key: string, condition: Condition): Promise<Outcome<Put>> => {
    const Body = randomBytes(16).toString("hex")
    const outcome = await requests.attempt(probeStep(key), ({ sdk, client }, abortSignal) =>
      client.send(new sdk.PutObjectCommand({ Bucket, Key: prefix + key, Body, ...condition }), { abortSignal }),
    )
    if ("failure" in outcome) return outcome
    const { ETag, VersionId } = outcome.answer
    if (ETag === undefined) return { failure: unusable("no ETag") }
    versioned ||= VersionId !== undefined
    return { answer: { etag: ETag.replaceAll('"', ""), version: VersionId } }
  }

  /** The ETag of what was written; `undefined` when the condition was refused. */
  const decided = async (key: string, condition: Condition): Promise<string | undefined> => {
    const outcome = await put(key, condition)
    if ("answer" in outcome) return outcome.answer.etag
    const { status } = outcome.failure
    if (status === 409 || status === 412) return undefined
    if (status === 501) throw new Unsupported("answers that it knows no conditional writes")
    throw new Inconclusive(outcome.failure)
  }

  const inTurn = async (): Promise<string | undefined> => {
    const key = `${folder}-turn`
    made.push(key)
    const first = await decided(key, { IfNoneMatch: "*" })
    if (first === undefined) return "refuses to make an object that is not there (If-None-Match: *)"
    if ((await decided(key, { IfNoneMatch: "*" })) !== undefined)
      return "overwrites what should only be made (If-None-Match: *)"
    let second = await decided(key, match(first))
    if (second === undefined) {
      quoted = !quoted
      second = await decided(key, match(first))
    }
    if (second === undefined) return "refuses to replace an object by its own ETag (If-Match)"
    return (await decided(key, match(first))) === undefined
      ? undefined
      : "overwrites what somebody else has written meanwhile (If-Match)"
  }

  const race = async (key: string, condition: Condition): Promise<string> => {
    const outcomes = await Promise.all(Array.from({ length: writersPerRace }, () => put(key, condition)))
    const winners = outcomes.flatMap((outcome) => ("answer" in outcome ? [outcome.answer.etag] : []))
    if (winners.length > 1)
      throw new Unsupported(`lets ${winners.length} of ${writersPerRace} writers win at the same time`)
    const [winner] = winners
    const [failure] = outcomes.flatMap((outcome) => ("failure" in outcome ? [outcome.failure] : []))
    if (winner === undefined) throw new Inconclusive(failure ?? unusable("no winner"))
    const stands = await requests.send(probeStep(key), ({ sdk, client }, abortSignal) =>
      client.send(new sdk.HeadObjectCommand({ Bucket, Key: prefix + key }), { abortSignal }),
    )
    if (stands.ETag?.replaceAll('"', "") !== winner)
      throw new Unsupported("tells one writer that it has won, and keeps what another wrote")
    return winner
  }

  const judge = async (): Promise<string | undefined> => {
    const broken = await inTurn()
    if (broken !== undefined) return broken
    for (let round = 0; round < (versioned ? races.versioned : races.unversioned); round += 1) {
      const key = `${folder}-${round}`
      made.push(key)
      await race(key, match(await race(key, { IfNoneMatch: "*" })))
    }
    return undefined
  }

  try {
    const unsafe = await judge().catch((error: unknown) => {
      if (error instanceof Unsupported) return error.message
      throw error
    })
    return { unsafe, quoted, versioned }
  } finally {
    // What stays is small, and lies where nobody looks.
    const removed = made.map((key) =>
      requests.attempt(probeStep(key), ({ sdk, client }, abortSignal) =>
        client.send(new sdk.DeleteObjectCommand({ Bucket, Key: prefix + key }), { abortSignal }),
      ),
    )
    await Promise.all(removed)
  }
}

/** What proves that conditional writes do not hold. */
class Unsupported extends Error {}

/** Writing is refused where two writers could both believe that they won. */
export function storeUnsafe({ place }: S3Requests, { unsafe = "", versioned }: Verdict): AlcidesError {
  const { bucket, prefix, endpoint = "AWS" } = place
  return new AlcidesError({
    code: "store-unsafe",
    message: `no lock would hold in s3://${bucket}/${prefix}: ${endpoint} ${unsafe}${versioned ? ", in a bucket with versions" : ""}`,
    hint: `use ${versioned ? "a bucket without versions, which Alcides does not need" : "another server"}; after a change of the server or the bucket, remove ${prefix}alcides-store.json`,
  })
}
