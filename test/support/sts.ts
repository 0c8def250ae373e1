import { createHash, createHmac, randomUUID } from "node:crypto"
import type { S3Server } from "./ceph.ts"
import type { IdentityProvider } from "./identity-provider.ts"

/** Whom a role trusts, and what it may. */
export type RoleOptions = {
  readonly provider: IdentityProvider
  readonly audience: string
  readonly subject: string
  readonly bucket: string
}

/** Has the server trust an identity provider, and makes a role for its tokens; returns the role's ARN. */
export async function makeRole(
  server: S3Server,
  { provider, audience, subject, bucket }: RoleOptions,
): Promise<string> {
  const { host } = new URL(provider.issuer)
  await callIam(server, {
    Action: "CreateOpenIDConnectProvider",
    Url: provider.issuer,
    "ClientIDList.member.1": audience,
    "ThumbprintList.member.1": provider.thumbprint,
  })
  const RoleName = `deploy-${randomUUID()}`
  await callIam(server, {
    Action: "CreateRole",
    RoleName,
    Path: "/",
    AssumeRolePolicyDocument: policy({
      Principal: { Federated: [`arn:aws:iam:::oidc-provider/${host}`] },
      Action: ["sts:AssumeRoleWithWebIdentity"],
      Condition: { StringEquals: { [`${host}:aud`]: audience, [`${host}:sub`]: subject } },
    }),
  })
  const Resource = [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`]
  await callIam(server, {
    Action: "PutRolePolicy",
    RoleName,
    PolicyName: "state",
    PolicyDocument: policy({ Action: ["s3:*"], Resource }),
  })
  return `arn:aws:iam:::role/${RoleName}`
}

function policy(statement: object): string {
  return JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow", ...statement }] })
}

/** The server's temporary credentials for a token, as its answer has them. */
export type Session = { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken: string }

/** Asks the server's STS itself, without any SDK. */
export async function assumeRole(
  { endpoint }: S3Server,
  { role, token }: { readonly role: string; readonly token: string },
): Promise<Session> {
  const body = new URLSearchParams({
    Action: "AssumeRoleWithWebIdentity",
    Version: "2011-06-15",
    RoleArn: role,
    RoleSessionName: "test",
    WebIdentityToken: token,
  })
  const text = await succeeded(await fetch(endpoint, { method: "POST", body }))
  const field = (name: string): string => new RegExp(`<${name}>([^<]+)</${name}>`).exec(text)?.[1] ?? ""
  return {
    accessKeyId: field("AccessKeyId"),
    secretAccessKey: field("SecretAccessKey"),
    sessionToken: field("SessionToken"),
  }
}

/** One call of the server's IAM, signed by its owner. See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html */
async function callIam(
  { endpoint, region, owner }: S3Server,
  parameters: Readonly<Record<string, string>>,
): Promise<void> {
  const body = new URLSearchParams(parameters).toString()
  const { host } = new URL(endpoint)
  const time = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, "")
  const scope = [time.slice(0, 8), region, "iam", "aws4_request"]
  const headers = { "content-type": "application/x-www-form-urlencoded", host, "x-amz-date": time }
  const names = Object.keys(headers).join(";")
  const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`)
  const request = ["POST", "/", "", lines.join(""), names, sha256(body)].join("\n")
  const toSign = ["AWS4-HMAC-SHA256", time, scope.join("/"), sha256(request)].join("\n")
  const key = scope.reduce<string | Buffer>((secret, part) => hmac(secret, part), `AWS4${owner.secretAccessKey}`)
  const signature = hmac(key, toSign).toString("hex")
  const credential = [owner.accessKeyId, ...scope].join("/")
  const authorization = `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${names}, Signature=${signature}`
  await succeeded(await fetch(endpoint, { method: "POST", body, headers: { ...headers, authorization } }))
}

async function succeeded(answer: Response): Promise<string> {
  const text = await answer.text()
  if (!answer.ok) throw new Error(`HTTP ${answer.status}: ${text}`)
  return text
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex")
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest()
}
