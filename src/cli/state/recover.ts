import { resolve } from "node:path"
import { Command, Option } from "@commander-js/extra-typings"
import { AlcidesError, Exit, messageOf, usageError } from "../../errors.ts"
import { keysOfList } from "../../state/encryption/age-keys.ts"
import { aboutPath, keptFileAt, keptHome, listKept, sweepKept, type Kept } from "../../state/kept.ts"
import { parseProject } from "../../state/names.ts"
import { openStore } from "../../state/open.ts"
import { recoverKept, type Recovered } from "../../state/kept/recover.ts"
import type { StateStore } from "../../state/store.ts"
import { confirm } from "../confirm.ts"
import { examples } from "../help.ts"
import type { Io } from "../io.ts"
import { printable } from "../printable.ts"
import { projectOption } from "../project-option.ts"
import { identityOption, openProjectStore, recipientOption } from "../store-options.ts"
import { baseArgument, type KnownBase } from "./base.ts"
import { isStoreFailure } from "./keep-input.ts"
import { tellKept } from "./kept-table.ts"
import { noWaitOption } from "./options.ts"
import { writeUnderLease } from "./write.ts"

export const recoverCommand = (io: Io) =>
  new Command("recover")
    .description(
      "Put what an earlier run could not put, on top of the version it was made from, and remove the kept file.",
    )
    .option("--file <kept>", "the kept file, as the message named it")
    .option("--name <name>", "the state file's name (default: every file that is kept on this machine)")
    .option("--list", "only show what is kept on this machine")
    .option(
      "--on-top-of <version>",
      "the version it must follow, or `absent` (default: what it was made from)",
      baseArgument,
    )
    .option("--allow-empty", "an empty state file is meant")
    .option("--yes", "do not ask before putting every file that is kept")
    .addOption(noWaitOption())
    .addOption(projectOption())
    .addOption(new Option("--store <url>", "another store than the one that the put was for"))
    .addOption(identityOption())
    .addOption(recipientOption())
    .option("--json", "what was put, or with --list what is kept, as an array")
    .addHelpText("after", examples("alcides state recover --list", "alcides state recover --name nixops-foo.json"))
    .action(async ({ file, list, yes, json, ...options }) => {
      const kept = file === undefined ? await keptHere(io, options) : [await keptAt(io, { file, ...options })]
      if (list === true) return tellKept(io, { kept, json: json === true })
      const files = kept.filter(({ kind }) => kind === "file")
      if (options.name !== undefined && files.length === 0) throw unknown(`nothing of ${options.name} is kept here`)
      if (options.onTopOf !== undefined && files.length > 1) throw tooMany(files)
      if (file === undefined && options.name === undefined && files.length > 0) {
        const places = files.map(({ path }) => path).join(", ")
        await confirm({ io, question: `put ${files.length} kept state files: ${places}?`, yes })
      }
      const { done, failures } = await recoverAll(io, { files, options })
      // No kept file is among what it removes: that this fails is no failure of what was asked.
      await sweepKept(keptHome(io.env)).catch(() => {})
      if (json === true) io.stdout.write(`${JSON.stringify(done, undefined, 2)}\n`)
      else if (files.length === 0) io.stderr.write("nothing is kept on this machine that could be put\n")
      const [first, ...others] = failures
      if (first !== undefined) throw withOthers(first, others)
    })

type Options = {
  readonly name?: string | undefined
  readonly project?: string | undefined
  readonly store?: string | undefined
  readonly recipient?: readonly string[] | undefined
  readonly identity?: readonly string[] | undefined
  readonly onTopOf?: KnownBase | undefined
  readonly allowEmpty?: true | undefined
  readonly wait: boolean
}

async function keptHere({ env }: Io, { name, project }: Options): Promise<readonly Kept[]> {
  return (await listKept(keptHome(env))).filter(
    (kept) =>
      (name === undefined || kept.name === name) &&
      (project === undefined || [undefined, project].includes(kept.about?.project)),
  )
}

async function keptAt(io: Io, { file, name }: Options & { readonly file: string }): Promise<Kept> {
  const kept = await keptFileAt(resolve(io.cwd, file))
  if (kept === undefined) throw unknown(`no file is kept at ${file}`)
  if (kept.about !== undefined && name !== undefined && name !== kept.name)
    throw unknown(`${file} is of the state file ${kept.name}, not of ${name}`)
  return kept
}

type Done = Recovered & { readonly file: string; readonly name: string }

// One that cannot be put keeps none of the others back.
async function recoverAll(
  io: Io,
  { files, options }: { readonly files: readonly Kept[]; readonly options: Options },
): Promise<{ readonly done: readonly Done[]; readonly failures: readonly AlcidesError[] }> {
  const done: Done[] = []
  const failures: AlcidesError[] = []
  for (const kept of files) {
    try {
      done.push({ file: kept.path, ...(await recoverOne(io, kept, options)) })
    } catch (error) {
      if (!(error instanceof AlcidesError) || io.signal.aborted) throw error
      failures.push(error)
    }
  }
  return { done, failures }
}

async function recoverOne(io: Io, kept: Kept, options: Options): Promise<Recovered & { readonly name: string }> {
  const name = kept.about?.name ?? options.name
  const base = options.onTopOf ?? kept.about?.base
  if (name === undefined || (kept.about === undefined && base === undefined)) throw incomplete(kept)
  const store = await storeOf(io, kept, options)
  const { wait, allowEmpty } = options
  const write = { store, name, description: "alcides state recover", wait }
  const recovered = await writeUnderLease(io, write, ({ writer, lease }) =>
    recoverKept({ kept, name, base, store, lease, writer, allowEmpty: allowEmpty === true }),
  ).catch((error: unknown) => {
    throw isStoreFailure(error) ? stillKept(error, kept) : error
  })
  const { version, already } = recovered
  const how = already ? `is in the store already, as version ${version.version}` : `put as version ${version.version}`
  io.stderr.write(printable(`state ${name}: ${kept.path} ${how}; the kept file is removed`) + "\n")
  return { ...recovered, name }
}

async function storeOf(
  io: Io,
  { path, about }: Kept,
  { project, store, recipient, identity }: Options,
): Promise<StateStore> {
  if (about === undefined) return openProjectStore(io, { project, store, recipient, identity })
  const { chooseEncryption } = await import("../../state/encryption/choose-encryption.ts")
  const encryption = await chooseEncryption({
    env: io.env,
    cwd: io.cwd,
    recipients: recipient,
    identities: identity,
    // What was encrypted for somebody stays so, also where nothing else says for whom.
    configured: keysOfList(about.encrypted?.recipients.join(" ") ?? "", aboutPath(path)),
    mask: io.redactor.add,
  })
  return openStore(store ?? about.store, parseProject(about.project), { env: io.env, encryption })
}

function unknown(fact: string): AlcidesError {
  return usageError({
    code: "state-kept-unknown",
    message: fact,
    hint: "`alcides state recover --list` shows what is kept on this machine",
  })
}

function tooMany(files: readonly Kept[]): AlcidesError {
  return usageError({
    code: "usage",
    message: `--on-top-of was given, but ${files.length} files are kept: ${files.map(({ path }) => path).join(", ")}`,
    hint: "name one of them with --file",
  })
}

function stillKept({ code, message, hint, cause }: AlcidesError, { path }: Kept): AlcidesError {
  return new AlcidesError({
    code,
    message: `${message}; ${path} stays where it is`,
    cause,
    exit: Exit.stateAtRisk,
    ...(hint !== undefined && { hint }),
  })
}

function incomplete({ path }: Kept): AlcidesError {
  return usageError({
    code: "state-kept-incomplete",
    message: `${path} lies there without the file beside it that says what it is`,
    hint: `look at it, then: alcides state recover --file ${path} --name NAME --on-top-of VERSION`,
  })
}

function withOthers(first: AlcidesError, others: readonly AlcidesError[]): AlcidesError {
  if (others.length === 0) return first
  const { code, message, hint, exit } = first
  return new AlcidesError({
    code,
    message,
    exit,
    cause: first,
    detail: others.map((other) => `and: ${messageOf(other)}`).join("\n"),
    ...(hint !== undefined && { hint }),
  })
}
