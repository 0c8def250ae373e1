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
    [
      "by a name that begins like an address",
      { privateNetworkPassword: "x", private_dns_key: "y", privateIpsecPsk: "z" },
    ],
    ["as numbers", { pinToken: 12_345_678 }],
    ["in a list", { apiKeys: ["one", "two"] }],
    ["below a name", { secrets: { db: { user: "u", value: "v" } } }],
    ["in JSON in a text", { config: '{"privateKey":"x","deep":"{\\"token\\":\\"y\\"}"}' }],
    ["below a name, in JSON in a text", { apitoken: '{"a":"b"}' }],
    ["as a PEM key", { content: pem }],
    ["as a PEM key in base64", { content: Buffer.from(pem).toString("base64") }],
    ["as the lines of a PEM key", { content: pem.split("\n").filter((line) => line !== "") }],
    ["as an age key", { content: "AGE-SECRET-KEY-1QQPQQQQQQQQQQQQQQQQQQQQQQQQQ" }],
    [
      "as a key of PuTTY",
      { content: "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nPrivate-Lines: 1\nAAAA\n" },
    ],
    ["as a key of ssh.com", { content: "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nP2/56wAAAi4AAAA3\n" }],
    ["as a signing key of Nix", { content: `cache.example-1:${Buffer.alloc(64, 7).toString("base64")}` }],
    ["as a line of a file of settings", { content: "[default]\naws_secret_access_key = wJalrXUtnFEMI\n" }],
    ["as a line of YAML", { userData: "#cloud-config\nuser: root\npassword: hunter2\n" }],
    ["as a variable", { script: "export DB_PASSWORD='hunter2'" }],
    ["in the query of a URL", { content: "https://db.example/dump?token=0123456789" }],
    ["in JSON within a larger text", { content: 'curl -d \'{"apiKey":"0123456789"}\' https://api.example' }],
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

  it("where one is itself a key", () => {
    const identity = "AGE-SECRET-KEY-1QQPQQQQQQQQQQQQQQQQQQQQQQQQQ"
    expect(shown({}, { [identity]: "alice" })).toEqual([{ kind: "added", path: '."***"', after: "***" }])
  })

  it("also when there are thousands of them", () => {
    const keyOf = (note: string, index: number): string => Buffer.alloc(300, `${note}${index} `).toString("base64")
    const document = (note: string): Json => {
      const machines = Array.from({ length: 1000 }, (_, index): readonly [string, Json] => [
        `machine-${index}`,
        JSON.stringify({ ip: `10.0.0.${index % 255}`, privateKey: keyOf(note, index), note }),
      ])
      return { resources: Object.fromEntries(machines), seen: `it is ${keyOf(note, 999)}` }
    }
    const started = performance.now()
    const all = shown(document("old"), document("new"))
    expect(all).toHaveLength(2001)
    const after = all.map((one) => (one.kind === "changed" ? one.after : undefined))
    expect(new Set(after)).toEqual(new Set(["***", "new", "it is ***"]))
    // Seconds on a busy machine; each looked for in all, it were minutes, and gigabytes.
    expect(performance.now() - started).toBeLessThan(15_000)
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
      {
        publicKey: "ssh-ed25519 AAAA",
        keyPairName: "charon",
        privateIpv4: "10.0.0.1",
        author: "alice",
        privateDnsName: "a",
      },
    ],
    ["texts that only speak of secrets", { note: "the token is in the vault", path: "/run/secrets/db: a file" }],
    ["signatures and public keys of Nix", { trusted: `cache.example-1:${Buffer.alloc(32, 7).toString("base64")}` }],
    ["machines with such names", { keycloak: { ip: "10.0.0.1" } }],
    ["what says nothing", { password: null, token: "", secret: false, keys: [], credentials: {} }],
  ])("%s", (_, document) => {
    expect(added(document)).not.toContain("***")
    expect(added(document).length).toBeGreaterThan(0)
  })
})
