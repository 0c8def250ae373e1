import { Command } from "@commander-js/extra-typings"
import { resolve } from "node:path"
import { absentState } from "./absent.ts"
import { removeWhole, writeTo, writeWhole } from "./output.ts"
import { fileArgument, nameOption, versionArgument } from "./options.ts"
import { examples } from "../help.ts"
import type { Io } from "../io.ts"
import { projectOption } from "../project-option.ts"
import { identityOption, openProjectStore, storeOption } from "../store-options.ts"

export const getCommand = (io: Io) =>
  new Command("get")
    .description("Fetch a state file, the current version or an older one.")
    .addOption(nameOption())
    .requiredOption("--file <file>", "where to write it, whole or not at all; - is the standard output", fileArgument)
    .option("--version <int>", "an older version, see `alcides state history`", versionArgument)
    .option("--allow-missing", "a state file that is absent is no failure: exit 0, and FILE does not exist afterwards")
    .addOption(projectOption())
    .addOption(storeOption())
    .addOption(identityOption())
    .addHelpText(
      "after",
      examples(
        "alcides state get --name nixops-foo.json --file -",
        "alcides state get --name nixops-foo.json --file old.json --version 3",
      ),
    )
    .action(async ({ name, file, version, allowMissing, ...where }) => {
      const store = await openProjectStore(io, { ...where, contents: "read" })
      const found = await store.get(name, { ...(version !== undefined && { version }) })
      if (found === undefined) {
        const absent = await absentState(store, { name, version })
        if (allowMissing !== true || absent.code !== "state-absent") throw absent
        if (file !== "-") await removeWhole(resolve(io.cwd, file))
        return
      }
      const { content } = found
      if (file === "-") await writeTo(io.stdout, { content, signal: io.signal })
      else await writeWhole(resolve(io.cwd, file), { content, signal: io.signal })
    })
