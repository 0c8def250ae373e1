/** Variables of the runner that every program may see: where things are, how to speak, how to reach the network. */
const passed = new Set([
  "CI",
  "LANG",
  "LOGNAME",
  "NIX_CONF_DIR",
  "NIX_LOG_DIR",
  "NIX_PATH",
  "NIX_REMOTE",
  "NIX_SSL_CERT_FILE",
  "NIX_STATE_DIR",
  "NIX_STORE_DIR",
  "NO_COLOR",
  "PATH",
  "SSL_CERT_DIR",
  "SSL_CERT_FILE",
  "TERM",
  "TZ",
  "USER",
])
// What no program gets, whoever asks for it: with it, all state can be read.
const withheld = new Set(["ALCIDES_AGE_IDENTITY"])
const localePattern = /^LC_[A-Z]+$/
const proxyPattern = /^(https?|no|all)_proxy$/i

type Environment = Readonly<Record<string, string | undefined>>

export type CleanEnvironmentOptions = {
  /** The environment that we were started with. */
  readonly runner: Environment
  /** Names that the effect asks for in its `passEnv`. */
  readonly passEnv: readonly string[]
  readonly home: string
  readonly tmp: string
  /** The effect's own variables; they win. */
  readonly env: Readonly<Record<string, string>>
}

/** The small environment of an effect's programs. None of the runner's credentials is in it, unless the effect names them. */
export function cleanEnvironment({ runner, passEnv, home, tmp, env }: CleanEnvironmentOptions): Record<string, string> {
  return {
    ...pick(runner, (name) => passed.has(name) || localePattern.test(name) || proxyPattern.test(name)),
    ...(runner["NIX_CONFIG"] !== undefined && { NIX_CONFIG: withoutNixCredentials(runner["NIX_CONFIG"]) }),
    HOME: home,
    XDG_CONFIG_HOME: `${home}/.config`,
    XDG_CACHE_HOME: `${home}/.cache`,
    XDG_DATA_HOME: `${home}/.local/share`,
    XDG_STATE_HOME: `${home}/.local/state`,
    TMPDIR: tmp,
    TMP: tmp,
    TEMP: tmp,
    TEMPDIR: tmp,
    GIT_TERMINAL_PROMPT: "0",
    IN_ALCIDES_EFFECT: "true",
    ...pick(runner, (name) => passEnv.includes(name)),
    ...env,
  }
}

/** The environment of the programs that Alcides itself needs, such as `nix` for the prebuild: the runner's, less what only effects get. */
export function ownEnvironment(runner: Environment): Record<string, string> {
  return pick(runner, () => true)
}

/** What the effect's programs get of the runner's credentials, to be masked: by `passEnv`, and in the URLs of proxies. */
export function passedCredentials({
  runner,
  passEnv,
}: Pick<CleanEnvironmentOptions, "runner" | "passEnv">): readonly string[] {
  const credential = /TOKEN|SECRET|PASS|KEY|CREDENTIAL|AUTH/i
  return [
    ...Object.values(pick(runner, (name) => passEnv.includes(name) && credential.test(name))),
    ...Object.values(pick(runner, (name) => proxyPattern.test(name))).flatMap(passwordOf),
  ]
}

function passwordOf(url: string): readonly string[] {
  const password = URL.canParse(url) ? new URL(url).password : ""
  return password === "" ? [] : [decodeURIComponent(password)]
}

function pick(env: Environment, wanted: (name: string) => boolean): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && !withheld.has(entry[0]) && wanted(entry[0]),
    ),
  )
}

// NIX_CONFIG says how Nix works here, and often also carries the runner's tokens.
function withoutNixCredentials(config: string): string {
  return config
    .split("\n")
    .filter((line) => !/^\s*(extra-)?(access-tokens|netrc-file|secret-key-files)\s*=/.test(line))
    .join("\n")
}
