import { testRaces } from "../races.ts"
import { plainStorage, servedStorage } from "../support/hercules-server.ts"

// There a swap without the lock takes the lock for itself: of many that wait for it, each but the first waits only to be refused.
const usual = { hasTokens: false, rounds: 1, swapEvery: 10 }

testRaces("hercules (alcides serve state)", servedStorage, usual)
// Hercules CI keeps no order of arrival.
testRaces("hercules (a server that compares nothing)", plainStorage, { ...usual, inOrder: false })
