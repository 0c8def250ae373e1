// Does one thing to a store at Hercules CI: URL PROJECT OPERATION LEASE. Whoever started it kills it.
import { openHerculesStore } from "../../../src/state/drivers/hercules.ts"
import { parseProject } from "../../../src/state/names.ts"
import { runOperation } from "./operations.ts"

const [url = "", project = "", operation = "", lease = ""] = process.argv.slice(2)
await runOperation(openHerculesStore(url, parseProject(project)), { operation, lease })
