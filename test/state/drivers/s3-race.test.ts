import { testRaces } from "../races.ts"
import { s3Storage } from "../support/s3-storage.ts"

testRaces("s3 (Ceph 16.2)", s3Storage)
