import { Command } from "@commander-js/extra-typings"
import { assertStateName, formatProject } from "../../state/names.ts"
import { confirm } from "../confirm.ts"
import { examples } from "../help.ts"
import type { Io } from "../io.ts"
import { projectOption } from "../project-option.ts"
import { openProjectStore, storeOption } from "../store-options.ts"
import { absentState } from "./absent.ts"
import { messageOption, nameOption, noWaitOption } from "./options.ts"
import { tellWritten, writeVersion } from "./write.ts"

export const deleteCommand = (io: Io) =>
  new Command("delete")
    .description("From now on, a state file is absent. Its versions stay, and `state rollback` brings one back.")
    .addOption(nameOption())
    .option("--yes", "do not ask")
    .addOption(messageOption())
    .addOption(noWaitOption())
    .addOption(projectOption())
    .addOption(storeOption())
    .option("--json", "the version that says so, as an object on the standard output")
    .addHelpText("after", examples("alcides state delete --name nixops-foo.json --yes"))
    .action(async ({ name, yes, message, wait, json, ...where }) => {
      assertStateName(name)
      const store = await openProjectStore(io, { ...where, contents: "none" })
      const [newest] = (await store.history(name)) ?? []
      if (newest === undefined || newest.deleted === true) throw await absentState(store, { name })
      const question = `delete the state file ${name} (version ${newest.version}) of ${formatProject(store.project)}?`
      await confirm({ io, question, yes })
      const version = await writeVersion(io, { store, name, description: "alcides state delete", wait }, (options) =>
        store.delete(name, { ...options, base: newest.version, ...(message !== undefined && { message }) }),
      )
      tellWritten(io, { name, version, json })
    })
