import { once } from "node:events"
import { Command } from "@commander-js/extra-typings"
import { createLog } from "../../log.ts"
import { projectOf } from "../../pipeline/project.ts"
import { parseRemoteUrl } from "../../pipeline/remote-url.ts"
import { formatProject } from "../../state/names.ts"
import { openObjects } from "../../state/open.ts"
import type { Project } from "../../state/store.ts"
import { examples } from "../help.ts"
import type { Io } from "../io.ts"
import { projectOption } from "../project-option.ts"
import { chosenStore, openProjectStore, storeOption } from "../store-options.ts"
import { allowedTokens } from "./tokens.ts"

export const serveStateCommand = (io: Io) =>
  new Command("state")
    .description(
      "Serve Hercules CI's state and lock API in front of the store, to programs on this machine, until a SIGTERM.",
    )
    .requiredOption("--listen <address>", "unix:/path/to.sock, 127.0.0.1:PORT or [::1]:PORT; port 0 chooses one")
    .option("--tokens <file>", "who may do what; `alcides serve token` makes the entries")
    .addOption(projectOption())
    .addOption(storeOption())
    .option("--json", "the address as an object on the standard output")
    .addHelpText(
      "after",
      examples(
        "alcides serve state --listen unix:/run/alcides/state.sock --tokens tokens.json --store s3://neat-state",
        "ALCIDES_SERVE_TOKEN=$(openssl rand -hex 32) alcides serve state --listen 127.0.0.1:8080",
      ),
    )
    .action(async ({ listen, tokens: file, json, project: flag, store }) => {
      const tokens = await allowedTokens(io, {
        file,
        project: async () => (await chosenStore(io, { project: flag, store })).project,
      })
      const { url } = await chosenStore(io, { project: anyProject, store })
      // Whatever is wrong with the URL is told now, and not to those who ask later.
      await openProjectStore(io, { project: anyProject, store: url })
      const log = createLog({ stream: io.stderr, redact: (line) => io.redactor.redact(line) })
      const { startStateServer } = await import("../../state/server/server.ts")
      const server = await startStateServer({
        listen,
        tokens,
        store: (project) => openProjectStore(io, { project: formatProject(project), store: url }),
        projectOfUrl,
        projectOfLease: leaseFinder(io, url),
        log,
      })
      if (json === true) io.stdout.write(`${JSON.stringify({ url: server.url })}\n`)
      else log.info(`serving state on ${server.url}`)
      if (!io.signal.aborted) await once(io.signal, "abort")
      await server.close()
    })

// The store is one for all projects.
const anyProject = "any/any/any"

function projectOfUrl(url: string): Project | undefined {
  const remote = parseRemoteUrl(url)
  return remote === undefined ? undefined : projectOf(remote)
}

function leaseFinder({ env }: Io, url: string): (leaseId: string) => Promise<Project | undefined> {
  let opened: ReturnType<typeof openObjects> | undefined
  return async (leaseId) => {
    const { projectOfLease } = await import("../../state/lease-project.ts")
    return projectOfLease(await (opened ??= openObjects(url, { env })), leaseId)
  }
}
