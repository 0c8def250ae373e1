import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { Readable } from "node:stream"
import { text } from "node:stream/consumers"
import { setTimeout as sleep } from "node:timers/promises"
import { ListObjectsV2Command } from "@aws-sdk/client-s3"
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest"
import { buildPackage, type BuiltPackage } from "../../../support/built-package.ts"
import type { S3Server, S3User } from "../../../support/ceph.ts"
import { cliHome, type CliHome } from "../../../support/cli-home.ts"
import { freePorts } from "../../../support/free-ports.ts"
import { httpServer } from "../../../support/http-server.ts"
import { startIdentityProvider, type IdentityProvider } from "../../../support/identity-provider.ts"
import { containerService, machineService } from "../../../support/identity-services.ts"
import type { CliResult } from "../../../support/io.ts"
import { freshBucket, s3Client, s3Server, type Bucket } from "../../../support/s3.ts"
import { assumeRole, makeRole } from "../../../support/sts.ts"

type Environment = Readonly<Record<string, string>>

let program: BuiltPackage
let home: CliHome
let server: S3Server
let bucket: Bucket
let store: string
// None of these may be printed by any program.
const secrets: string[] = []

beforeAll(async () => {
  ;[program, home, server] = await Promise.all([buildPackage({ types: false }), cliHome(), s3Server()])
  bucket = await freshBucket(server)
  store = `s3://${bucket.name}/fleet?endpoint=${server.endpoint}`
  secrets.push(server.owner.secretAccessKey, server.guest.secretAccessKey)
})

afterAll(async () => {
  await Promise.all([program.cleanup(), home.remove()])
})

/** Starts the command as it is released, with nothing in its environment but a home, the store, and this. */
async function alcides(
  args: readonly string[],
  env: Environment,
  input: Iterable<string> | AsyncIterable<string> = [],
): Promise<CliResult> {
  const child = spawn(process.execPath, [join(program.path, "dist/cli.cjs"), ...args], {
    cwd: home.folder,
    env: { ...home.env, ALCIDES_STATE: store, ...env },
  })
  Readable.from(input).pipe(child.stdin)
  const [stdout, stderr, exit] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number>((resolve) => child.on("close", (code) => resolve(code ?? -1))),
  ])
  for (const secret of secrets) expect(stdout + stderr).not.toContain(secret)
  return { exit, stdout, stderr }
}

const put = (env: Environment, name: string, input: Iterable<string> | AsyncIterable<string>): Promise<CliResult> =>
  alcides(["state", "put", "--name", name, "--file", "-"], env, input)
const get = (env: Environment, name = "fleet.json"): Promise<CliResult> =>
  alcides(["state", "get", "--name", name, "--file", "-"], env)

let puts = 0

/** Puts a state file and gets it. */
async function expectToWork(env: Environment): Promise<void> {
  puts += 1
  // On this server, an object that a role has written is not the bucket's owner's to read.
  const name = `fleet-${puts}.json`
  const content = `{"fleet":${puts}}`
  expect(await put(env, name, [content])).toMatchObject({
    exit: 0,
    stderr: expect.stringMatching(new RegExp(`^state ${name}: version 1, [^\n]+\n$`)),
  })
  expect(await get(env, name)).toEqual({ exit: 0, stdout: content, stderr: "" })
}

/** One line of message, one of hint, and no stack. */
function failure(exit: number, message: string, hint: string): CliResult {
  return { exit, stdout: "", stderr: `alcides: ${message}\n  hint: ${hint}\n` }
}

const keysOf = ({ accessKeyId, secretAccessKey }: Pick<S3User, "accessKeyId" | "secretAccessKey">): Environment => ({
  AWS_ACCESS_KEY_ID: accessKeyId,
  AWS_SECRET_ACCESS_KEY: secretAccessKey,
})
const wrong = { accessKeyId: "nobody", secretAccessKey: "secret-of-nobody" }

async function fileWith(name: string, content: string): Promise<string> {
  const file = join(home.folder, name)
  await writeFile(file, content)
  return file
}

// Who has not the owner's keys would ask the machine in the end.
const noMachine = { AWS_EC2_METADATA_DISABLED: "true" }

test("keys in the environment", async () => {
  await expectToWork(keysOf(server.owner))
})

describe("a profile", () => {
  const profileOf = (name: string, { accessKeyId, secretAccessKey }: Omit<S3User, "name">): string =>
    `[${name}]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`
  let files: Environment
  beforeAll(async () => {
    const profiles = [profileOf("default", wrong), profileOf("deploy", server.owner)].join("\n")
    files = {
      AWS_SHARED_CREDENTIALS_FILE: await fileWith("credentials", profiles),
      AWS_CONFIG_FILE: await fileWith("config", "[default]\nregion = eu-1\n[profile deploy]\nregion = us-east-1\n"),
      ...noMachine,
    }
  })

  test("that AWS_PROFILE names is taken, and not the default one", async () => {
    await expectToWork({ ...files, AWS_PROFILE: "deploy" })
    expect(await get(files)).toMatchObject({ exit: 1, stderr: expect.stringContaining("does not know the access key") })
  })

  test("comes after keys in the environment, unless the URL names it", async () => {
    await expectToWork({ ...files, ...keysOf(server.owner), AWS_PROFILE: "default" })
    await expectToWork({ ...files, ...keysOf(wrong), ALCIDES_STATE: `${store}&profile=deploy` })
  })

  test("that is not there", async () => {
    expect(await get({ ...files, AWS_PROFILE: "typo" })).toEqual(
      failure(
        2,
        `the profile "typo" that AWS_PROFILE names gives no credentials for the state store s3://${bucket.name}`,
        "look for it in ~/.aws/config and ~/.aws/credentials, log in if it wants `aws sso login`, or unset AWS_PROFILE",
      ),
    )
  })
})

describe("web identity, as a CI gives it", () => {
  const audience = "sts.amazonaws.com"
  const subject = "repo:neat-org/neat-repo:ref:refs/heads/production"
  let provider: IdentityProvider
  let role: string
  beforeAll(async () => {
    provider = await startIdentityProvider()
    role = await makeRole(server, { provider, audience, subject, bucket: bucket.name })
    return () => provider.close()
  })

  const newToken = (claims: Readonly<Record<string, string | number>> = {}): string => {
    const token = provider.token({ aud: audience, sub: subject, ...claims })
    secrets.push(token)
    return token
  }
  const identity = async (token: string): Promise<Environment> => ({
    AWS_WEB_IDENTITY_TOKEN_FILE: await fileWith("token", token),
    AWS_ROLE_ARN: role,
    AWS_ENDPOINT_URL_STS: server.endpoint,
    ...noMachine,
  })
  const refused = (why: string): CliResult =>
    failure(
      1,
      `no credentials for the state store s3://${bucket.name}: the role may not be assumed (${why})`,
      "look at AWS_ROLE_ARN, at the issuer, audience and subject that the role trusts, and whether the token has expired",
    )

  test("a token is changed for a session", async () => {
    await expectToWork(await identity(newToken()))
  })

  test("a session of one step is used by the next", async () => {
    const session = await assumeRole(server, { role, token: newToken() })
    secrets.push(session.secretAccessKey, session.sessionToken)
    await expectToWork({ ...keysOf(session), AWS_SESSION_TOKEN: session.sessionToken })
    const altered = { ...keysOf(session), AWS_SESSION_TOKEN: `x${session.sessionToken.slice(1)}` }
    expect(await get(altered)).toMatchObject({
      exit: 1,
      stderr: expect.stringMatching(/^alcides: the state store refuses to get record [^\n]+\n {2}hint: [^\n]+\n$/),
    })
    expect(await get(keysOf(session))).toMatchObject({ exit: 1, stderr: expect.stringContaining("refuses to") })
  })

  test("a token that has expired, or of another branch, is refused", async () => {
    const past = Math.floor(Date.now() / 1000) - 600
    expect(await get(await identity(newToken({ iat: past, exp: past + 300 })))).toEqual(refused("HTTP 403"))
    const branch = newToken({ sub: "repo:neat-org/neat-repo:ref:refs/heads/other" })
    expect(await get(await identity(branch))).toEqual(refused("HTTP 403"))
  })

  test("what cannot be put is kept, and the hint says what to do first", async () => {
    const env = await identity("no-token")
    expect(await put(env, "fleet.json", ["precious"])).toMatchObject({
      exit: 7,
      stderr: expect.stringMatching(
        /\(HTTP 403\)\); it is kept in .*\n {2}hint: look at AWS_ROLE_ARN.*; then: alcides/,
      ),
    })
  })

  test("a token file that is not there is no absence of state", async () => {
    const missing = join(home.folder, "no-such-token")
    expect(await get({ ...(await identity("")), AWS_WEB_IDENTITY_TOKEN_FILE: missing })).toEqual(
      failure(
        2,
        `no credentials for the state store s3://${bucket.name}: ${missing} cannot be read: it does not exist`,
        "mend AWS_WEB_IDENTITY_TOKEN_FILE, or what else names that file, or the file",
      ),
    )
  })
})

describe("the role of a container or a machine", () => {
  const forAnHour = () => ({ user: server.owner, seconds: 3600 })

  test("a container's", async () => {
    const { env, asks } = await containerService(forAnHour)
    secrets.push(env["AWS_CONTAINER_AUTHORIZATION_TOKEN"] ?? "")
    await expectToWork(env)
    expect(asks()).toBe(2)
  })

  test("a machine's", async () => {
    const { env, asks } = await machineService(forAnHour)
    await expectToWork(env)
    expect(asks()).toBe(2)
  })

  // In seconds.
  const soon = 1

  test("credentials that expire are asked for again, and the new ones used", async () => {
    await bucket.allowGuest(["s3:GetObject", "s3:PutObject", "s3:ListBucket"])
    const given = [{ user: server.owner, seconds: soon }]
    const { env, asks } = await machineService(() => given.shift() ?? { user: server.guest, seconds: 3600 })
    const held = await alcides(["lock", "run", "--name", "production", "--", "sleep", String(soon)], env)
    expect(held).toMatchObject({ exit: 0, stderr: "" })
    expect(asks()).toBe(2)
    const { Contents = [] } = await s3Client(server).send(
      new ListObjectsV2Command({ Bucket: bucket.name, FetchOwner: true }),
    )
    const written = Contents.filter(({ Owner }) => Owner?.ID === server.guest.name).map(({ Key }) => Key)
    expect(written).toEqual([expect.stringMatching(/^fleet\/locks\//)])
  })

  test("what cannot be put because a program gave them only once is kept", async () => {
    const { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey } = server.owner
    const keys = JSON.stringify({ Version: 1, AccessKeyId, SecretAccessKey, Expiration: "SOON" })
    const used = join(home.folder, "used")
    const script = `mkdir ${used} && echo '${keys}' | sed "s/SOON/$(date -u -d '${soon} second' +%FT%T.%3NZ)/"`
    const once = await fileWith("once.sh", script)
    const config = await fileWith("process", `[default]\nregion = us-east-1\ncredential_process = sh ${once}\n`)
    const lateInput = (async function* () {
      await vi.waitUntil(() => existsSync(used), { timeout: 20_000 })
      await sleep(soon * 1000)
      yield "precious"
    })()
    const { exit, stderr } = await put({ AWS_CONFIG_FILE: config, ...noMachine }, "late.json", lateInput)
    expect(stderr).toContain(
      `(the credentials for the state store s3://${bucket.name} have expired, and no new ones were given); it is kept in `,
    )
    expect(exit).toBe(7)
  })
})

describe("no credentials anywhere", () => {
  const missing = (): CliResult =>
    failure(
      2,
      `no credentials for the state store s3://${bucket.name} were found`,
      "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE, name a profile, or give the machine a role",
    )

  test.each([
    ["a machine that has no such service", async () => `http://127.0.0.1:${(await freePorts(1))[0] ?? 0}`],
    ["a machine whose service never answers", () => httpServer(() => {})],
  ])("%s", async (_, service) => {
    const started = performance.now()
    expect(await get({ AWS_EC2_METADATA_SERVICE_ENDPOINT: await service() })).toEqual(missing())
    expect(performance.now() - started).toBeLessThan(10_000)
  })
})
