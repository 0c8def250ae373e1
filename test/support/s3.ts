import { randomUUID } from "node:crypto"
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3"
import { inject } from "vitest"
import { askForCeph } from "./ceph-shared.ts"
import type { S3Server, S3User } from "./ceph.ts"

/** The S3 server of this test run: Ceph 16.2, as Debian has it. */
export function s3Server(): Promise<S3Server> {
  return (server ??= askForCeph(inject("ceph")))
}

let server: Promise<S3Server> | undefined

/** A client for looking at the server, and for doing to it what no store would do. */
export function s3Client({ endpoint, region, owner }: S3Server): S3Client {
  // Which Node the SDK will want some day is not what a test should print.
  process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] = "true"
  return new S3Client({
    endpoint,
    region,
    forcePathStyle: true,
    credentials: owner,
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  })
}

/** A bucket of a test's own, seen past the driver. */
export interface Bucket {
  readonly name: string
  readonly server: S3Server
  keys(): Promise<readonly string[]>
  get(key: string): Promise<Buffer>
  put(key: string, content: string | Uint8Array): Promise<void>
  remove(key: string): Promise<void>
  enableVersioning(): Promise<void>
  /** Lets the server's guest do this, and nothing else: `s3:GetObject`, `s3:ListBucket` … */
  allowGuest(actions: readonly string[]): Promise<void>
  /** Exactly these statements, for the guest. */
  allowGuestOnly(statements: readonly Statement[]): Promise<void>
}

/** What a policy allows; as AWS writes it. */
export type Statement = { readonly Action: readonly string[]; readonly Resource: string }

/** Makes an empty bucket. It goes when the server does. */
export async function freshBucket(server: S3Server): Promise<Bucket> {
  const name = `test-${randomUUID()}`
  const client = s3Client(server)
  await client.send(new CreateBucketCommand({ Bucket: name }))
  const allowGuestOnly = async (statements: readonly Statement[]): Promise<void> => {
    const Principal = { AWS: [`arn:aws:iam:::user/${server.guest.name}`] }
    const Statement = statements.map((statement) => ({ Effect: "Allow", Principal, ...statement }))
    const Policy = JSON.stringify({ Version: "2012-10-17", Statement })
    await client.send(new PutBucketPolicyCommand({ Bucket: name, Policy }))
  }
  return {
    name,
    server,
    async keys() {
      const keys: string[] = []
      for (let token: string | undefined; ;) {
        const page = await client.send(new ListObjectsV2Command({ Bucket: name, ContinuationToken: token }))
        keys.push(...(page.Contents ?? []).flatMap(({ Key }) => (Key === undefined ? [] : [Key])))
        token = page.NextContinuationToken
        if (token === undefined) return keys
      }
    },
    async get(key) {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: name, Key: key }))
      return Buffer.from((await Body?.transformToByteArray()) ?? [])
    },
    async put(key, content) {
      const Body = Buffer.from(content)
      await client.send(new PutObjectCommand({ Bucket: name, Key: key, Body, ContentLength: Body.byteLength }))
    },
    async remove(key) {
      await client.send(new DeleteObjectCommand({ Bucket: name, Key: key }))
    },
    async enableVersioning() {
      const configuration = { Bucket: name, VersioningConfiguration: { Status: "Enabled" } } as const
      await client.send(new PutBucketVersioningCommand(configuration))
    },
    allowGuestOnly,
    allowGuest: (Action) =>
      allowGuestOnly([`arn:aws:s3:::${name}`, `arn:aws:s3:::${name}/*`].map((Resource) => ({ Action, Resource }))),
  }
}

/** What a program's environment must hold to be this user. */
export function s3Environment({ accessKeyId, secretAccessKey }: S3User): Record<string, string> {
  return {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    // Nothing of the machine's own may be asked.
    AWS_EC2_METADATA_DISABLED: "true",
    AWS_CONFIG_FILE: "/dev/null",
    AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
  }
}
