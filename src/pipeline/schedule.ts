import { Readable } from "node:stream"
import { text } from "node:stream/consumers"
import { AlcidesError, usageError } from "../errors.ts"
import * as z from "../schema.ts"
import type { StateStore, Writer } from "../state/store.ts"
import { scheduleName } from "./record-names.ts"
import type { Job } from "./tree.ts"
import { lastDue } from "./when.ts"

/** The moment that a scheduled job last ran for, kept in the store. */
const ranSchema = z.object({ format: z.literal(1), ranFor: z.iso.datetime() })

/** A scheduled job whose moment has come. */
export type DueJob = {
  readonly job: Job
  readonly moment: Date
  /** The version of the record that this was decided on. */
  readonly base: number | "absent"
}

// A job that never ran is due for a moment that has just passed, not for one before it was written.
const firstTimeWindow = 60 * 60 * 1000

/** The scheduled jobs that had a moment since they last ran. */
export async function dueJobs(
  jobs: readonly Job[],
  { store, now }: { readonly store: StateStore; readonly now: Date },
): Promise<readonly DueJob[]> {
  const found = await Promise.all(
    jobs.map(async (job): Promise<readonly DueJob[]> => {
      const moment = job.when === undefined ? undefined : lastDue(job.when, now)
      if (moment === undefined) return []
      const name = scheduleName(job.name)
      const read = await store.get(name)
      const base = read?.version.version ?? "absent"
      const since =
        read === undefined
          ? now.getTime() - firstTimeWindow
          : Date.parse(parseRan(name, await text(Readable.from(read.content))))
      return moment.getTime() > since ? [{ job, moment, base }] : []
    }),
  )
  return found.flat()
}

/** Takes a due job for this run; false when another run was faster. */
export async function claimDue(
  { job, moment, base }: DueJob,
  { store, writer }: { readonly store: StateStore; readonly writer: Writer },
): Promise<boolean> {
  const record = `${JSON.stringify({ format: 1, ranFor: moment.toISOString() })}\n`
  try {
    const message = `scheduled for ${moment.toISOString()}`
    await store.put(scheduleName(job.name), Readable.from([Buffer.from(record)]), {
      base,
      writer,
      message,
      // No secret, and read also where nobody has an identity, as by `plan`.
      inClear: true,
    })
    return true
  } catch (error) {
    if (error instanceof AlcidesError && error.code === "state-conflict") return false
    throw error
  }
}

function parseRan(name: string, content: string): string {
  try {
    return ranSchema.parse(JSON.parse(content)).ranFor
  } catch (cause) {
    throw usageError({
      code: "schedule-record-invalid",
      message: `state file ${name} is not the record of a scheduled job, or is of a newer Alcides`,
      hint: `update Alcides, or look at it: alcides state get --name ${name} --file -`,
      cause,
    })
  }
}
