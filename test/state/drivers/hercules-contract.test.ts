import { testStateStore, type Lack } from "../contract.ts"
import { plainStorage, servedStorage } from "../support/hercules-server.ts"

const lacks: readonly Lack[] = ["delete", "notes", "lock list", "break", "holder", "ttl", "fencing", "queue"]

testStateStore("hercules (alcides serve state)", servedStorage, { lacks })
testStateStore("hercules (a server that compares nothing)", plainStorage, { lacks })
