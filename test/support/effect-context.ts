import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createContext } from "../../src/effect/context.ts"
import { cleanEnvironment } from "../../src/effect/environment.ts"
import type { EffectContext, SecretData } from "../../src/effect/effect.ts"
import { mkEffect } from "../../src/effect/mk-effect.ts"
import { createPrivateFolder } from "../../src/effect/private-folder.ts"
import { maskSecretData, secretDetector } from "../../src/secrets/mask-data.ts"
import { createRedactor } from "../../src/secrets/redactor.ts"
import { Secret } from "../../src/secrets/secret.ts"

export type TestContext = {
  readonly context: EffectContext
  /** The variables that programs get, as `setEnv` left them. */
  readonly env: Readonly<Record<string, string>>
  /** What was logged, secrets masked. */
  readonly lines: readonly string[]
  remove(): Promise<void>
}

/** A real context, with a private HOME and real programs, for the steps of an effect. */
export async function createEffectContext(secrets: Readonly<Record<string, SecretData>> = {}): Promise<TestContext> {
  const parent = await mkdtemp(join(tmpdir(), "effect-"))
  const folder = await createPrivateFolder({
    parent,
    effect: "test",
    project: "github/neat-org/neat-repo",
    keepIn: parent,
  })
  const redactor = createRedactor()
  const granted = new Map(Object.entries(secrets).map(([name, data]) => [name, new Secret(data)]))
  for (const data of granted.values()) maskSecretData(redactor, data)
  const lines: string[] = []
  const log = (line: string): void => void lines.push(redactor.redact(line))
  const env = cleanEnvironment({ runner: process.env, passEnv: [], home: folder.home, tmp: folder.tmp, env: {} })
  const context = createContext(
    {
      effect: mkEffect({ name: "test", effect: () => {} }),
      repo: {
        site: "github",
        owner: "neat-org",
        name: "neat-repo",
        ref: "refs/heads/production",
        rev: null,
        shortRev: null,
        branch: "production",
        tag: null,
        defaultBranch: "main",
        isDefaultBranch: false,
        root: parent,
      },
      src: parent,
      log: { info: log, warn: log, debug: log },
      redactor,
      holdsSecret: secretDetector(granted.values()),
      folder,
      env,
      secrets: granted,
      stateFiles: new Map(),
    },
    new AbortController().signal,
  )
  return { context, env, lines, remove: () => rm(parent, { recursive: true, force: true }) }
}
