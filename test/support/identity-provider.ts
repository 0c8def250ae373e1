import { execFile } from "node:child_process"
import { sign, X509Certificate } from "node:crypto"
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import { dir } from "tmp-promise"
import { startHttpServer } from "./http-server.ts"

/** Who gives tokens to the jobs of a CI. */
export interface IdentityProvider {
  readonly issuer: string
  /** The SHA-1 of its certificate, by which others know it. */
  readonly thumbprint: string
  /** A signed token that says so; made now, for five minutes, unless the claims say otherwise. */
  token(claims: Readonly<Record<string, string | number>>): string
  close(): Promise<void>
}

/** Starts an OpenID Connect provider on loopback, with a key of its own. See https://openid.net/specs/openid-connect-discovery-1_0.html */
export async function startIdentityProvider(): Promise<IdentityProvider> {
  const { key, certificate } = await newKey()
  const keys = [{ kty: "RSA", alg: "RS256", use: "sig", kid: "1", x5c: [certificate.raw.toString("base64")] }]
  const { url: issuer, close } = await startHttpServer(({ url }, response) => {
    if (url === "/.well-known/openid-configuration")
      response.end(JSON.stringify({ issuer, jwks_uri: `${issuer}/keys` }))
    else if (url === "/keys") response.end(JSON.stringify({ keys }))
    else response.writeHead(404).end()
  })
  return {
    issuer,
    thumbprint: certificate.fingerprint.replaceAll(":", ""),
    token(claims) {
      const iat = Math.floor(Date.now() / 1000)
      const payload = { iss: issuer, iat, exp: iat + 300, ...claims }
      const text = [{ alg: "RS256", typ: "JWT", kid: "1" }, payload].map(base64url).join(".")
      return `${text}.${sign("sha256", Buffer.from(text), key).toString("base64url")}`
    },
    close,
  }
}

async function newKey(): Promise<{ readonly key: string; readonly certificate: X509Certificate }> {
  const { path, cleanup } = await dir({ unsafeCleanup: true })
  try {
    const [key, certificate] = [join(path, "key.pem"), join(path, "certificate.pem")]
    const files = ["-keyout", key, "-out", certificate]
    const request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=identity-provider"]
    await promisify(execFile)("openssl", [...request, ...files])
    return { key: await readFile(key, "utf8"), certificate: new X509Certificate(await readFile(certificate)) }
  } finally {
    await cleanup()
  }
}

function base64url(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url")
}
