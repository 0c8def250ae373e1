import { join } from "node:path"
import { Readable } from "node:stream"
import { text } from "node:stream/consumers"
import { pathToFileURL } from "node:url"
import { dir } from "tmp-promise"
import type { Effect } from "../effect/effect.ts"
import { runEffect, type EffectOutcome } from "../effect/run-effect.ts"
import type { Repo } from "../repo.ts"
import { maskSecretData } from "../secrets/mask-data.ts"
import { createRedactor } from "../secrets/redactor.ts"
import { Secret } from "../secrets/secret.ts"
import type { SecretData } from "../secrets/secrets-map.ts"
import { openStore } from "../state/open.ts"
import type { StateStore } from "../state/store.ts"
import { fakeProgram } from "./fake-program.ts"
import { testRepo } from "./test-repo.ts"

export type TestEffectOptions = {
  readonly repo?: Repo
  /** The data of the granted secrets, by their names in the effect's secretsMap. */
  readonly secrets?: Readonly<Record<string, SecretData>>
  /** The state files that are in the store before. */
  readonly state?: Readonly<Record<string, string>>
  /** Stand-ins for programs: a name, and a POSIX shell script. They come first on PATH. */
  readonly programs?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

export type TestEffectResult = EffectOutcome & {
  /** The state files that are in the store afterwards. */
  readonly stateAfter: Readonly<Record<string, string>>
  /** Every line that the effect and its programs wrote, secrets masked. */
  readonly output: readonly string[]
}

/** Runs all phases of one effect with the real engine, against a state store of its own that is removed afterwards. */
export async function testEffect(effect: Effect, options: TestEffectOptions = {}): Promise<TestEffectResult> {
  const { repo = testRepo(), secrets = {}, state = {}, programs = {}, signal = new AbortController().signal } = options
  const { path: folder, cleanup } = await dir({ prefix: "alcides-test-", unsafeCleanup: true })
  try {
    const store = await openStore(pathToFileURL(join(folder, "store")).href, {
      site: "github",
      owner: "example",
      name: "repo",
    })
    const writer = { by: "test" }
    for (const [name, content] of Object.entries(state)) {
      await store.put(name, Readable.from([Buffer.from(content)]), { base: "absent", writer })
    }
    const bin = join(folder, "bin")
    for (const [name, script] of Object.entries(programs)) await fakeProgram(bin, { name, script })

    const redactor = createRedactor()
    const granted = new Map(Object.entries(secrets).map(([name, data]) => [name, new Secret(data)]))
    for (const secret of granted.values()) maskSecretData(redactor, secret)
    const output: string[] = []
    const write = (line: string): void => void output.push(redactor.redact(line))
    const outcome = await runEffect({
      effect,
      repo,
      src: effect.src ?? repo.root,
      store,
      leases: new Map(),
      secrets: granted,
      redactor,
      log: { info: write, warn: (line) => write(`warning: ${line}`), debug: () => {} },
      runner: { ...process.env, PATH: `${bin}:${process.env["PATH"] ?? ""}` },
      env: {},
      writer,
      signal,
      privateParent: join(folder, "private"),
      keptFolder: join(folder, "kept"),
    })
    return { ...outcome, output, stateAfter: await contents(store) }
  } finally {
    await cleanup()
  }
}

async function contents(store: StateStore): Promise<Readonly<Record<string, string>>> {
  const files = await store.list()
  const entries = await Promise.all(
    files.map(async ({ name }) => {
      const read = await store.get(name)
      return read === undefined ? [] : [[name, await text(Readable.from(read.content))] as const]
    }),
  )
  return Object.fromEntries(entries.flat())
}
