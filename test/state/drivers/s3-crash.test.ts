import { testCrashes } from "../crashes.ts"
import { s3Storage } from "../support/s3-storage.ts"

testCrashes("s3 (Ceph 16.2)", { makeStorage: s3Storage, pauses: ["get record", "put record"], putSteps: 3 })
