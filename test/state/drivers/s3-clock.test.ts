import { testClocks } from "../clocks.ts"
import { s3Storage } from "../support/s3-storage.ts"

testClocks("s3 (Ceph 16.2)", s3Storage)
