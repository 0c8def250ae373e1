import { describe, expect, test } from "vitest"
import { gitTokenOf } from "../../src/secrets/git-token.ts"
import { type GrantOptions, grantSecrets, refusedError } from "../../src/secrets/grant.ts"
import { maskSecretData } from "../../src/secrets/mask-data.ts"
import { createRedactor } from "../../src/secrets/redactor.ts"
import { Secret } from "../../src/secrets/secret.ts"
import { parseSecretsFile } from "../../src/secrets/secrets-file.ts"

const repo = { owner: "neat-org", name: "neat-repo", ref: "refs/heads/x", isDefaultBranch: false }

const secrets = parseSecretsFile({
  label: "secrets.json",
  text: JSON.stringify({
    open: { kind: "Secret", data: { key: "0pen-value" }, condition: { isOwner: "neat-org" } },
    closed: { kind: "Secret", data: { key: "cl0sed-value" }, condition: { isBranch: "production" } },
    bare: { kind: "Secret", data: { key: "b4re-value" } },
    broken: { kind: "Secret", data: "br0ken-value" },
  }),
})
const noFile = { label: "/config/secrets.json", missing: true, entries: new Map(), repeated: [] } as const

function grant(options: Partial<GrantOptions>) {
  return grantSecrets({ secretsMap: {}, secrets, repo, gitToken: undefined, ...options })
}

describe("grantSecrets", () => {
  test("gives a secret under the name that the map has for it", () => {
    const { granted, refused, decisions } = grant({ secretsMap: { mine: "open", again: "open" } })
    expect([...granted.keys()]).toEqual(["mine", "again"])
    expect(granted.get("mine")?.reveal()).toEqual({ key: "0pen-value" })
    expect(refused).toEqual([])
    expect(decisions).toEqual([
      { name: "mine", secret: "open", granted: true, because: 'isOwner: owner "neat-org" is "neat-org"' },
      { name: "again", secret: "open", granted: true, because: 'isOwner: owner "neat-org" is "neat-org"' },
    ])
  })

  test.each([
    ["closed", "denied", 'isBranch: ref "refs/heads/x" is not "refs/heads/production"'],
    ["bare", "denied", "it has no condition, and no condition means no access"],
    ["absent", "denied", "secrets.json has no secret of this name"],
    ["__proto__", "denied", "secrets.json has no secret of this name"],
    ["broken", "malformed", "secrets.json:1:271: broken.data: expected an object, got a string"],
  ])("refuses %s", (secret, reason, because) => {
    const { granted, refused } = grant({ secretsMap: { mine: secret, other: "open" } })
    expect([...granted.keys()]).toEqual(["other"])
    expect(refused).toEqual([{ name: "mine", secret, granted: false, reason, because }])
  })

  test("a token of the CI needs no file", () => {
    const { granted, decisions } = grant({
      secretsMap: { git: { type: "GitToken" } },
      secrets: noFile,
      gitToken: new Secret("ghs_token"),
    })
    expect(granted.get("git")?.reveal()).toEqual({ token: "ghs_token" })
    expect(decisions).toEqual([
      { name: "git", secret: "GitToken", granted: true, because: "GitToken: the CI provides it" },
    ])
  })

  test("a denied secret is never handed out, whatever else is", () => {
    const { granted } = grant({ secretsMap: { a: "closed", b: "bare", c: "absent", d: "broken" } })
    expect([...granted]).toEqual([])
  })
})

describe("refusedError", () => {
  const errorOf = (options: Partial<GrantOptions>) => refusedError(grant(options).refused)

  test("reads the same for a denied and for an absent secret", () => {
    const texts = ["closed", "bare", "absent"].map((secret) => {
      const { code, message, hint, exit } = errorOf({ secretsMap: { aws: secret } })
      return { code, message: message.replace(secret, "NAME"), hint, exit }
    })
    expect(new Set(texts.map((text) => JSON.stringify(text))).size).toBe(1)
    expect(texts[0]).toEqual({
      code: "secret-refused",
      message: 'secret "NAME" (as "aws"): not there, or access was denied',
      hint: "check the name in the secrets file, and that its condition holds here: alcides secret list shows both",
      exit: 1,
    })
  })

  test("names every refused secret", () => {
    expect(errorOf({ secretsMap: { a: "closed", b: "absent", c: "open" } }).message).toBe(
      'secrets "closed" (as "a"), "absent" (as "b"): not there, or access was denied',
    )
  })

  test("names the mistake in a malformed entry first", () => {
    expect(errorOf({ secretsMap: { a: "closed", b: "broken" } })).toMatchObject({
      code: "secret-malformed",
      message: "secrets.json:1:271: broken.data: expected an object, got a string",
      hint: "mend this entry; alcides secret check shows every mistake of the file",
      exit: 2,
    })
  })

  test("says that there is no file", () => {
    expect(errorOf({ secretsMap: { aws: "prod-aws" }, secrets: noFile })).toMatchObject({
      code: "secrets-file-missing",
      message: 'secret "prod-aws" (as "aws") is needed, and there is no secrets file /config/secrets.json',
      exit: 2,
    })
  })

  test("says which variables may hold the token", () => {
    expect(errorOf({ secretsMap: { git: { type: "GitToken" } } })).toMatchObject({
      code: "git-token-missing",
      message: 'a token for the repository is needed (as "git"), and the environment has none',
      hint: "set one of ALCIDES_GIT_TOKEN, GITHUB_TOKEN, GITEA_TOKEN, FORGEJO_TOKEN, CI_JOB_TOKEN",
      exit: 2,
    })
  })
})

describe("gitTokenOf", () => {
  test.each([
    [{ ALCIDES_GIT_TOKEN: "own", GITHUB_TOKEN: "gh" }, "own"],
    [{ ALCIDES_GIT_TOKEN: "", GITHUB_TOKEN: "gh" }, "gh"],
    [{ FORGEJO_TOKEN: "fj", CI_JOB_TOKEN: "gl" }, "fj"],
    [{ CI_JOB_TOKEN: "gl" }, "gl"],
    [{}, undefined],
  ])("of %j is %s", (env, token) => {
    expect(gitTokenOf(env)?.reveal()).toBe(token)
  })
})

test("maskSecretData masks every text and long number, at any depth", () => {
  const redactor = createRedactor()
  maskSecretData(
    redactor,
    new Secret({
      a: "first-value",
      b: [{ c: "second-value" }, 12345678, 12, null, true],
      "a-field-name": { d: "third-value" },
    }),
  )
  expect(redactor.redact("first-value second-value 12345678 12 null true a-field-name third-value")).toBe(
    "*** *** *** 12 null true a-field-name ***",
  )
})
