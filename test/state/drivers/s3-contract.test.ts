import { testStateStore } from "../contract.ts"
import { s3Storage } from "../support/s3-storage.ts"

testStateStore("s3 (Ceph 16.2)", s3Storage)
