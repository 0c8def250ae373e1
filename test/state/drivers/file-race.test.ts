import { testRaces } from "../races.ts"
import { fileStorage } from "../support/file-storage.ts"

testRaces("file", fileStorage)
