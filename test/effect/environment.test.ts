import { describe, expect, it } from "vitest"
import { cleanEnvironment, ownEnvironment, passedCredentials } from "../../src/effect/environment.ts"

const secret = {
  AWS_ACCESS_KEY_ID: "AKIA",
  AWS_SECRET_ACCESS_KEY: "aws",
  AWS_PROFILE: "prod",
  AWS_WEB_IDENTITY_TOKEN_FILE: "/token",
  GITHUB_TOKEN: "ghs",
  GH_TOKEN: "ghp",
  GITHUB_ENV: "/env",
  ACTIONS_RUNTIME_TOKEN: "art",
  ACTIONS_ID_TOKEN_REQUEST_TOKEN: "oidc",
  CI_JOB_TOKEN: "gitlab",
  CI_REGISTRY_PASSWORD: "registry",
  BUILDKITE_AGENT_ACCESS_TOKEN: "bk",
  SSH_AUTH_SOCK: "/agent",
  SSH_AGENT_PID: "1",
  NPM_TOKEN: "npm",
  CACHIX_AUTH_TOKEN: "cachix",
  DOCKER_CONFIG: "/docker",
  KUBECONFIG: "/kube",
  NETRC: "/netrc",
  ALCIDES_SECRETS: "{}",
  ALCIDES_LOCK_LEASE_ID: "lease",
  HOME: "/root",
  XDG_CONFIG_HOME: "/root/.config",
  TMPDIR: "/var/tmp",
}
const plain = {
  PATH: "/bin",
  CI: "true",
  LANG: "C.UTF-8",
  LC_ALL: "C",
  TERM: "xterm",
  TZ: "UTC",
  USER: "root",
  NIX_PATH: "nixpkgs=/nixpkgs",
  NIX_SSL_CERT_FILE: "/ca",
  https_proxy: "http://proxy:3128",
  NO_PROXY: "localhost",
}

const clean = (runner: Record<string, string | undefined>, passEnv: string[] = [], env: Record<string, string> = {}) =>
  cleanEnvironment({ runner, passEnv, home: "/h", tmp: "/t", env })

describe("cleanEnvironment", () => {
  it("lets none of the runner's credentials in, and no place where some may lie", () => {
    const env = clean({ ...secret, ...plain })
    expect(env).toEqual({
      ...plain,
      HOME: "/h",
      XDG_CONFIG_HOME: "/h/.config",
      XDG_CACHE_HOME: "/h/.cache",
      XDG_DATA_HOME: "/h/.local/share",
      XDG_STATE_HOME: "/h/.local/state",
      TMPDIR: "/t",
      TMP: "/t",
      TEMP: "/t",
      TEMPDIR: "/t",
      GIT_TERMINAL_PROMPT: "0",
      IN_ALCIDES_EFFECT: "true",
    })
  })

  it("takes the tokens out of NIX_CONFIG", () => {
    const config = [
      "experimental-features = nix-command",
      "access-tokens = github.com=ghp_1",
      " extra-access-tokens = github.com=ghp_2",
      "netrc-file = /netrc",
      "secret-key-files=/key",
      "max-jobs = 4",
    ].join("\n")
    expect(clean({ NIX_CONFIG: config })["NIX_CONFIG"]).toBe("experimental-features = nix-command\nmax-jobs = 4")
    expect(clean({})).not.toHaveProperty("NIX_CONFIG")
  })

  it("passes what an effect names, and the effect's own variables win", () => {
    const env = clean({ ...secret, ...plain }, ["AWS_PROFILE", "GITHUB_TOKEN", "ABSENT"], {
      GITHUB_TOKEN: "own",
      X: "1",
    })
    expect(env).toMatchObject({ AWS_PROFILE: "prod", GITHUB_TOKEN: "own", X: "1" })
    expect(env).not.toHaveProperty("AWS_ACCESS_KEY_ID")
    expect(env).not.toHaveProperty("ABSENT")
  })

  it("never passes the key to all state, whoever asks for it", () => {
    const runner = { ALCIDES_AGE_IDENTITY: "AGE-SECRET-KEY-1", ALCIDES_AGE_IDENTITY_FILE: "/key" }
    const env = clean(runner, ["ALCIDES_AGE_IDENTITY", "ALCIDES_AGE_IDENTITY_FILE"])
    expect(env).not.toHaveProperty("ALCIDES_AGE_IDENTITY")
    expect(env["ALCIDES_AGE_IDENTITY_FILE"]).toBe("/key")
  })
})

describe("passedCredentials", () => {
  it("names what must be masked of what is passed", () => {
    const runner = { ...secret, ...plain, HTTPS_PROXY: "http://user:p%40ss@proxy:3128" }
    expect(passedCredentials({ runner, passEnv: ["GITHUB_TOKEN", "CI_REGISTRY_PASSWORD", "AWS_PROFILE"] })).toEqual([
      "ghs",
      "registry",
      "p@ss",
    ])
    expect(passedCredentials({ runner: secret, passEnv: [] })).toEqual([])
  })
})

describe("ownEnvironment", () => {
  it("is the runner's, without what is not set", () => {
    expect(ownEnvironment({ A: "1", B: undefined, ALCIDES_AGE_IDENTITY: "AGE-SECRET-KEY-1" })).toEqual({ A: "1" })
  })
})
