import type { ServerResponse } from "node:http"
import type { S3User } from "./ceph.ts"
import { httpServer } from "./http-server.ts"

/** What a service gives: some user's keys for so many seconds, or an HTTP status. */
export type Given = { readonly user: S3User; readonly seconds: number } | number

/** A stand-in for what gives credentials to a container or to a machine, for the time of one test. */
export interface IdentityService {
  /** What the environment of a program must hold to be served. */
  readonly env: Readonly<Record<string, string>>
  /** How often it was asked for credentials. */
  asks(): number
}

function tell(response: ServerResponse, given: Given): void {
  if (typeof given === "number") {
    response.writeHead(given).end()
    return
  }
  const { user, seconds } = given
  const credentials = {
    AccessKeyId: user.accessKeyId,
    SecretAccessKey: user.secretAccessKey,
    // Needed only by keys of a session, which a server's own users are not.
    Token: "",
    Expiration: new Date(Date.now() + seconds * 1000).toISOString(),
  }
  response.end(JSON.stringify({ Code: "Success", Type: "AWS-HMAC", ...credentials }))
}

/** As ECS and EKS have it. See https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html */
export async function containerService(next: () => Given): Promise<IdentityService> {
  let asks = 0
  const password = "password-of-the-container"
  const url = await httpServer(({ headers }, response) => {
    asks += 1
    tell(response, headers.authorization === password ? next() : 401)
  })
  return {
    env: { AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/credentials`, AWS_CONTAINER_AUTHORIZATION_TOKEN: password },
    asks: () => asks,
  }
}

/** As EC2 has it, version 2. See https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html */
export async function machineService(next: () => Given): Promise<IdentityService> {
  let asks = 0
  const session = "session-of-the-machine"
  const role = "/latest/meta-data/iam/security-credentials/"
  const url = await httpServer(({ method, url: path, headers }, response) => {
    if (method === "PUT" && path === "/latest/api/token") response.end(session)
    else if (headers["x-aws-ec2-metadata-token"] !== session) response.writeHead(401).end()
    else if (path === role) response.end("deploy")
    else if (path === `${role}deploy`) {
      asks += 1
      tell(response, next())
    } else response.writeHead(404).end()
  })
  return { env: { AWS_EC2_METADATA_SERVICE_ENDPOINT: url }, asks: () => asks }
}
