import { testClocks } from "../clocks.ts"
import { fileStorage } from "../support/file-storage.ts"

testClocks("file", fileStorage)
