import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { hideSecrets, type Shown } from "../../../src/cli/state/diff-secrets.ts"
import { diffJson, type Json } from "../../../src/state/history/diff.ts"

function shown(before: Json, after: Json): readonly Shown[] {
  return hideSecrets(diffJson(before, after), { before, after })
}

/** What is shown of a value that is added. */
function added(document: Json): readonly (Json | undefined)[] {
  return shown({}, document).map((one) => (one.kind === "added" ? one.after : undefined))
}

const pem = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU\n-----END OPENSSH PRIVATE KEY-----\n"

describe("values that are hidden", () => {
  it.each<readonly [string, Json]>([
    ["by their name", { password: "hunter2" }],
    ["by a part of their name", { rootPasswordHash: "x", db_passwd: "y", AWS_SECRET_ACCESS_KEY: "z", authToken: "t" }],
    ["as numbers", { pinToken: 12_345_678 }],
    ["in a list", { apiKeys: ["one", "two"] }],
    ["below a name", { secrets: { db: { user: "u", value: "v" } } }],
    ["in JSON in a text", { config: '{"privateKey":"x","deep":"{\\"token\\":\\"y\\"}"}' }],
    ["below a name, in JSON in a text", { apitoken: '{"a":"b"}' }],
    ["as a PEM key", { content: pem }],
    ["as a PEM key in base64", { content: Buffer.from(pem).toString("base64") }],
    ["as the lines of a PEM key", { content: pem.split("\n").filter((line) => line !== "") }],
    ["as an age key", { content: "AGE-SECRET-KEY-1QQPQQQQQQQQQQQQQQQQQQQQQQQQQ" }],
    ["as a token of GitHub", { content: "ghp_0123456789abcdef0123456789abcdef0123" }],
    ["as a web token", { content: "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NSJ9.c2lnbmF0dXJl" }],
    ["in a URL", { content: "postgres://app:hunter2@db.example/app" }],
    ["as a hash of a password", { content: "$6$salt$0123456789abcdef" }],
    ["as an Authorization header", { content: "Bearer 0123456789" }],
  ])("%s", (_, document) => {
    expect(new Set(added(document))).toEqual(new Set(["***"]))
  })

  it("beside a name that says so, but not beside another", () => {
    expect(added({ env: [{ name: "DB_PASSWORD", value: "hunter2" }] })).toEqual(["DB_PASSWORD", "***"])
    expect(added({ output: { sensitive: true, value: ["a", 7] } })).toEqual([true, "***", "***"])
    expect(added({ tags: [{ name: "Role", value: "web" }] })).toEqual(["Role", "web"])
  })

  it("where they are a part of another value, or of a key", () => {
    const document = { password: "correct horse", note: "login with correct horse", "correct horse": 1 }
    const differences = shown({}, document)
    expect(differences.map(({ path }) => path)).toEqual([".password", ".note", '."***"'])
    expect(added(document)).toEqual(["***", "login with ***", 1])
  })

  it("on both sides of a change", () => {
    expect(shown({ token: "one" }, { token: "two" })).toEqual([
      { kind: "changed", path: ".token", before: "***", after: "***" },
    ])
    expect(shown({ content: "see the vault" }, { content: pem })).toEqual([
      { kind: "changed", path: ".content", before: "***", after: "***" },
    ])
    expect(shown({ token: "one" }, {})).toEqual([{ kind: "removed", path: ".token", before: "***" }])
  })

  it("wherever they stand in a document", () => {
    const secret = fc.string({ minLength: 8, maxLength: 40, unit: fc.constantFrom(..."abcdefXYZ0189+/=") })
    const closed = fc.constantFrom("password", "secretKey", "API_TOKEN", "credentials", "ssh-private-key")
    const plain = fc.constantFrom("name", "a b", "machine-1")
    fc.assert(
      fc.property(secret, closed, fc.array(plain, { maxLength: 3 }), fc.boolean(), (value, field, way, isText) => {
        const inner: Json = { [field]: [value], elsewhere: `uses ${value}.`, [`key ${value}`]: 1 }
        const document = way.reduce<Json>((part, key) => ({ [key]: part }), isText ? JSON.stringify(inner) : inner)
        for (const differences of [shown({}, document), shown(document, {})])
          expect(JSON.stringify(differences)).not.toContain(JSON.stringify(value).slice(1, -1))
      }),
    )
  })
})

describe("values that are shown", () => {
  it.each<readonly [string, Json]>([
    ["addresses and ids", { ip: "10.0.0.1", ec2: { instanceId: "i-0123456789" }, state: 3, isUp: true }],
    [
      "what only looks secret",
      { publicKey: "ssh-ed25519 AAAA", keyPairName: "charon", privateIpv4: "10.0.0.1", author: "alice" },
    ],
    ["machines with such names", { keycloak: { ip: "10.0.0.1" } }],
    ["what says nothing", { password: null, token: "", secret: false, keys: [], credentials: {} }],
  ])("%s", (_, document) => {
    expect(added(document)).not.toContain("***")
    expect(added(document).length).toBeGreaterThan(0)
  })
})
