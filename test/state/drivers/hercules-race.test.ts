import { testRaces } from "../races.ts"
import { plainStorage, servedStorage } from "../support/hercules-server.ts"

testRaces("hercules (alcides serve state)", servedStorage, { hasTokens: false, rounds: 1 })
// Hercules CI keeps no order of arrival.
testRaces("hercules (a server that compares nothing)", plainStorage, { hasTokens: false, rounds: 1, inOrder: false })
