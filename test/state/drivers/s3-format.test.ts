import { testFormat1 } from "../formats.ts"
import { formatInBucket } from "../support/format-fixtures.ts"

testFormat1("s3 (Ceph 16.2)", () => formatInBucket("state-format-1-s3"), { markerSuffices: false })
