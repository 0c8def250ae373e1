import { testStateStore } from "../contract.ts"
import { fileStorage } from "../support/file-storage.ts"

testStateStore("file", fileStorage)
