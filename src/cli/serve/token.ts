import { Command, Option } from "@commander-js/extra-typings"
import { formatProject } from "../../state/names.ts"
import { resolveProject } from "../../pipeline/project.ts"
import { examples } from "../help.ts"
import type { Io } from "../io.ts"
import { projectOption } from "../project-option.ts"

export const serveTokenCommand = (io: Io) =>
  new Command("token")
    .description(
      "Make a token: itself on the standard output, once, and its entry for the tokens file, which opens nothing.",
    )
    .addOption(projectOption())
    .addOption(
      new Option("--access <access>", "what it may do").choices(["read", "write"] as const).default("write" as const),
    )
    .option("--name <name>", "who uses it: the writer of versions and the holder of locks", "token")
    .option("--json", "both as an object: { token, entry }")
    .addHelpText(
      "after",
      examples(
        "alcides serve token --project github/neat-org/neat-repo --name alice",
        "alcides serve token --project 'github/neat-org/*' --access read",
      ),
    )
    .action(async ({ project: flag, access, name, json }) => {
      const project = formatProject(await resolveProject({ flag, env: io.env, cwd: io.cwd }))
      const { hashToken, newToken } = await import("../../state/server/tokens.ts")
      const token = newToken()
      const entry = { sha256: hashToken(token), name, projects: [project], access }
      if (json === true) {
        io.stdout.write(`${JSON.stringify({ token, entry })}\n`)
        return
      }
      io.stderr.write(
        `add this to the tokens file, and give the token itself to whoever is to use it:\n${JSON.stringify(entry)}\n`,
      )
      io.stdout.write(`${token}\n`)
    })
