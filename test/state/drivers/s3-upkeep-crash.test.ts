import { s3Storage } from "../support/s3-storage.ts"
import { testUpkeepCrashes } from "../upkeep-crashes.ts"

testUpkeepCrashes("s3 (Ceph 16.2)", { makeStorage: s3Storage, steps: { prune: 3, copy: 4, rekey: 5, recover: 2 } })
