import type { S3Client } from "@aws-sdk/client-s3"

type Lack = {
  readonly cause: unknown
  readonly expired: boolean
  readonly profile: string | undefined
}

/** Instead of what the SDK throws where it gets no credentials: no answer of who gives them must be taken for one of the S3 server. */
export class NoCredentials extends Error {
  /** Whether there were some before. */
  readonly expired: boolean
  /** The profile that the environment names. */
  readonly profile: string | undefined

  constructor({ cause, expired, profile }: Lack) {
    super("no credentials", { cause })
    this.expired = expired
    this.profile = profile
  }
}

/** Has a client throw `NoCredentials` where it gets none. */
export function markMissingCredentials(client: S3Client, { profile }: Pick<Lack, "profile">): void {
  const { credentials } = client.config
  let had = false
  client.config.credentials = async (about) => {
    try {
      const found = await credentials(about)
      had = true
      return found
    } catch (cause) {
      throw new NoCredentials({ cause, expired: had, profile })
    }
  }
}
