import { Command } from "@commander-js/extra-typings"
import { AlcidesError } from "../../errors.ts"
import { assertStateName } from "../../state/names.ts"
import type { StateStore, StateVersion } from "../../state/store.ts"
import { hasColor, paint, type Color } from "../color.ts"
import { examples } from "../help.ts"
import type { Io } from "../io.ts"
import { printable } from "../printable.ts"
import { projectOption } from "../project-option.ts"
import { formatSize } from "../size.ts"
import { identityOption, openProjectStore, storeOption } from "../store-options.ts"
import { formatTime } from "../time.ts"
import { absentState } from "./absent.ts"
import type { Content } from "./diff-content.ts"
import type { Shown } from "./diff-secrets.ts"
import { nameOption, versionArgument } from "./options.ts"

export const diffCommand = (io: Io) =>
  new Command("diff")
    .description(
      "Show what differs between two versions of a state file: of JSON, value by value. Secrets are shown as ***.",
    )
    .argument("[from]", "the older version (default: the one before the current one)", versionArgument)
    .argument("[to]", "the newer version (default: the current one)", versionArgument)
    .addOption(nameOption())
    .option("--exit-code", "exit 1 when they differ")
    .addOption(projectOption())
    .addOption(storeOption())
    .addOption(identityOption())
    .option("--json", "an object: the two versions, whether they differ, and the differences")
    .addHelpText(
      "after",
      examples("alcides state diff --name nixops-foo.json", "alcides state diff --name nixops-foo.json 3 7"),
    )
    .action(async (from, to, { name, exitCode, json, ...where }) => {
      assertStateName(name)
      const store = await openProjectStore(io, { ...where, contents: "read" })
      const pair = await chooseVersions(store, { name, from, to })
      const { readContent } = await import("./diff-content.ts")
      const [before, after] = [await read(pair.from), await read(pair.to)]
      const differs = before.content.sha256 !== after.content.sha256
      const differences = differs ? await compare(before.content, after.content) : []
      if (json === true)
        io.stdout.write(`${JSON.stringify(jsonOf({ name, before, after, differs, differences }), undefined, 2)}\n`)
      else tell(io, { name, before, after, differs, differences })
      if (exitCode === true && differs) io.exit(1)

      async function read(version: number): Promise<Side> {
        const found = await store.get(name, { version })
        if (found === undefined) throw await absentState(store, { name, version })
        return { version: found.version, content: await readContent(found.content) }
      }
    })

type Side = { readonly version: StateVersion; readonly content: Content }

type Comparison = {
  readonly name: string
  readonly before: Side
  readonly after: Side
  readonly differs: boolean
  /** Absent when one of them is no JSON. */
  readonly differences: readonly Shown[] | undefined
}

async function chooseVersions(
  store: StateStore,
  { name, from, to }: { readonly name: string; readonly from: number | undefined; readonly to: number | undefined },
): Promise<{ readonly from: number; readonly to: number }> {
  if (from !== undefined && to !== undefined) return { from, to }
  const versions = await store.history(name)
  const [newest] = versions ?? []
  if (versions === undefined || newest === undefined || newest.deleted === true)
    throw await absentState(store, { name })
  if (from !== undefined) return { from, to: newest.version }
  const previous = versions.find(({ version, deleted }) => version < newest.version && deleted !== true)
  if (previous !== undefined) return { from: previous.version, to: newest.version }
  throw new AlcidesError({
    code: "state-version-absent",
    message: `state file ${name} has one version with content, ${newest.version}: there is nothing to compare it with`,
    hint: `see \`alcides state history --name ${name}\``,
  })
}

async function compare(before: Content, after: Content): Promise<readonly Shown[] | undefined> {
  if (before.json === undefined || after.json === undefined) return undefined
  const [{ diffJson }, { hideSecrets }] = await Promise.all([
    import("../../state/history/diff.ts"),
    import("./diff-secrets.ts"),
  ])
  try {
    return hideSecrets(diffJson(before.json, after.json), { before: before.json, after: after.json })
  } catch (error) {
    // Nested deeper than any stack: compared by its hash.
    if (error instanceof RangeError) return undefined
    throw error
  }
}

function jsonOf({ name, before, after, differs, differences }: Comparison): object {
  const side = ({ version, content: { size, sha256 } }: Side) => ({
    version: version.version,
    created: version.created,
    writer: version.writer,
    size,
    ...(version.encrypted === undefined && { sha256 }),
  })
  return {
    name,
    from: side(before),
    to: side(after),
    differs,
    ...(differences !== undefined && { differences }),
  }
}

function tell(io: Io, { name, before, after, differs, differences }: Comparison): void {
  const [from, to] = [before.version.version, after.version.version]
  if (!differs) return void io.stderr.write(`state ${name}: versions ${from} and ${to} have the same content\n`)
  const color = hasColor(io, io.stdout)
  const line = (text: string, wanted: Color): void => {
    io.stdout.write(`${color ? paint(printable(text), wanted) : printable(text)}\n`)
  }
  line(`--- ${name} ${titleOf(before)}`, "bold")
  line(`+++ ${name} ${titleOf(after)}`, "bold")
  if (differences === undefined) {
    line(`- ${sizeOf(before)}`, "red")
    line(`+ ${sizeOf(after)}`, "green")
  }
  for (const one of differences ?? []) line(...lineOf(one))
  if (differences?.length === 0)
    io.stderr.write(`state ${name}: no value differs; the order of keys, blanks, or how a number is written does\n`)
}

function titleOf({ version: { version, created, writer } }: Side): string {
  return `version ${version}, ${formatTime(created)}, ${writer.by}`
}

// The hash of a secret content would tell who has guessed it.
function sizeOf({ version: { encrypted }, content: { size, sha256 } }: Side): string {
  return `${formatSize(size)}, ${encrypted === undefined ? `sha256 ${sha256}` : "encrypted"}`
}

function lineOf(difference: Shown): readonly [string, Color] {
  const { path } = difference
  switch (difference.kind) {
    case "added":
      return [`+ ${path}: ${valueOf(difference.after)}`, "green"]
    case "removed":
      return [`- ${path}: ${valueOf(difference.before)}`, "red"]
    case "changed":
      return [`~ ${path}: ${valueOf(difference.before)} -> ${valueOf(difference.after)}`, "yellow"]
  }
}

// A mask is no text of the document: it stands without quotes.
function valueOf(value: unknown): string {
  return value === "***" ? value : JSON.stringify(value)
}
