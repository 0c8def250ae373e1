// Starts Ceph, says so, and stays.
import { startCeph } from "./ceph.ts"

await startCeph()
process.stdout.write("up\n")
setInterval(() => {}, 60_000)
