import { fileStorage } from "../support/file-storage.ts"
import { testUpkeepCrashes } from "../upkeep-crashes.ts"

testUpkeepCrashes("file", { makeStorage: fileStorage, steps: { prune: 10, copy: 20, rekey: 20, recover: 15 } })
