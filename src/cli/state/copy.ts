import { resolve } from "node:path"
import { pathToFileURL } from "node:url"
import type { Copied } from "../../state/history/copy.ts"
import type { CopySource } from "../../state/history/copy-source.ts"
import { createStateStore } from "../../state/object-state-store.ts"
import { storeUrl } from "../../state/open.ts"
import type { ObjectStore } from "../../state/objects.ts"
import type { Project } from "../../state/store.ts"
import { interruptible, interruptibleObjects, interruptibleSource } from "../interruptible.ts"
import type { Io } from "../io.ts"
import { formatSize } from "../size.ts"
import { rangesOf } from "./ranges.ts"
import { writeUnderLease } from "./write.ts"

export type CopyCommand = {
  readonly from: CopySource
  readonly to: ObjectStore
  readonly project: Project
  /** For those who wait meanwhile. */
  readonly description: string
  readonly wait: boolean
  /** Whether the lease of the program around us is one of the target's. */
  readonly isNested: boolean
  readonly json: boolean | undefined
}

/** The URL that `--to` or `--from` names; without a scheme it is a folder. */
export function copyUrl({ env, cwd }: Io, text: string): string {
  return /^[a-z][a-z0-9+.-]*:/i.test(text)
    ? storeUrl({ flag: text, env, configured: undefined, cwd })
    : pathToFileURL(resolve(cwd, text)).href
}

/** Copies a project, and says of each state file what was copied. */
export async function runCopy(
  io: Io,
  { from, to, project, description, wait, isNested, json }: CopyCommand,
): Promise<void> {
  const store = interruptible(createStateStore({ objects: to, project }), io.signal)
  const { copyProject } = await import("../../state/history/copy.ts")
  const copied = await copyProject({
    from: interruptibleSource(from, io.signal),
    to: interruptibleObjects(to, io.signal),
    project,
    hold: (name, act) => writeUnderLease(io, { store, name, description, wait, isNested }, ({ lease }) => act(lease)),
    ...(json !== true && { onCopied: (one: Copied) => void io.stderr.write(`${lineOf(one)}\n`) }),
  })
  if (json === true) io.stdout.write(`${JSON.stringify(copied, undefined, 2)}\n`)
}

function lineOf({ name, copied, bytes, versions }: Copied): string {
  const verified = `${versions} version${versions === 1 ? "" : "s"} verified`
  if (copied.length === 0) return `state ${name}: nothing new, ${verified}`
  return `state ${name}: copied version${copied.length === 1 ? "" : "s"} ${rangesOf(copied)}, ${formatSize(bytes)}; ${verified}`
}
