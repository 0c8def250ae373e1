import { once } from "node:events"
import { Command } from "@commander-js/extra-typings"
import { AlcidesError } from "../../errors.ts"
import { createLog } from "../../log.ts"
import { projectOf } from "../../pipeline/project.ts"
import { parseRemoteUrl } from "../../pipeline/remote-url.ts"
import type { ObjectStore } from "../../state/objects.ts"
import { openObjects, openStore } from "../../state/open.ts"
import type { Project, StateStore } from "../../state/store.ts"
import { examples } from "../help.ts"
import type { Io } from "../io.ts"
import { projectOption } from "../project-option.ts"
import { chosenStore, identityOption, recipientOption, storeOption } from "../store-options.ts"
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
    .addOption(recipientOption())
    .addOption(identityOption())
    .option("--json", "the address as an object on the standard output")
    .addHelpText(
      "after",
      examples(
        "alcides serve state --listen unix:/run/alcides/state.sock --tokens tokens.json --store s3://neat-state",
        "ALCIDES_SERVE_TOKEN=$(openssl rand -hex 32) alcides serve state --listen 127.0.0.1:8080",
      ),
    )
    .action(async ({ listen, tokens: file, json, project: flag, ...where }) => {
      const tokens = await allowedTokens(io, {
        file,
        project: async () => (await chosenStore(io, { ...where, project: flag, contents: "none" })).project,
      })
      // The store and its keys are the same for all projects.
      const { url, encryption } = await chosenStore(io, { ...where, project: "any/any/any" })
      const open = (project: Project): Promise<StateStore> => openStore(url, project, { env: io.env, encryption })
      // What is wrong with the URL is told now, and not to those who ask later.
      await open({ site: "any", owner: "any", name: "any" })
      const log = createLog({ stream: io.stderr, redact: (line) => io.redactor.redact(line) })
      const { startStateServer } = await import("../../state/server/server.ts")
      const server = await startStateServer({
        listen,
        tokens,
        store: open,
        projectOfUrl,
        projectOfLease: leaseFinder(io, url),
        log,
      })
      if (json === true) io.stdout.write(`${JSON.stringify({ url: server.url })}\n`)
      else log.info(`serving state on ${server.url}`)
      if (!io.signal.aborted) await once(io.signal, "abort")
      await server.close()
    })

function projectOfUrl(url: string): Project | undefined {
  const remote = parseRemoteUrl(url)
  return remote === undefined ? undefined : projectOf(remote)
}

function leaseFinder({ env }: Io, url: string): (leaseId: string) => Promise<Project | undefined> {
  let opened: Promise<ObjectStore | undefined> | undefined
  return async (leaseId) => {
    const { projectOfLease } = await import("../../state/locks/lease-project.ts")
    const objects = await (opened ??= openObjects(url, { env }).catch(unlessServer))
    return objects === undefined ? undefined : projectOfLease(objects, leaseId)
  }
}

// What is a server itself does not show whose lease is whose.
function unlessServer(error: unknown): undefined {
  if (!(error instanceof AlcidesError) || error.code !== "store-unsupported") throw error
}
