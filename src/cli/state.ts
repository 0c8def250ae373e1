import { Command } from "@commander-js/extra-typings"
import { examples } from "./help.ts"
import { addCommands, type Entry, type MakeCommand } from "./register.ts"

const entries: readonly Entry[] = [
  {
    name: "get",
    summary: "fetch a state file, the current version or an older one",
    load: async () => (await import("./state/get.ts")).getCommand,
  },
  {
    name: "put",
    summary: "write a new version of a state file, unless someone else wrote one meanwhile",
    load: async () => (await import("./state/put.ts")).putCommand,
  },
  {
    name: "list",
    summary: "list the state files of the project",
    load: async () => (await import("./state/list.ts")).listCommand,
  },
  {
    name: "history",
    summary: "show the versions of a state file, newest first",
    load: async () => (await import("./state/history.ts")).historyCommand,
  },
  {
    name: "diff",
    summary: "show what differs between two versions",
    load: async () => (await import("./state/diff.ts")).diffCommand,
  },
  {
    name: "rollback",
    summary: "make the content of an old version the newest version",
    load: async () => (await import("./state/rollback.ts")).rollbackCommand,
  },
  {
    name: "delete",
    summary: "make a state file absent; its versions stay",
    load: async () => (await import("./state/delete.ts")).deleteCommand,
  },
  {
    name: "pin",
    summary: "mark a version as one that `state prune` must keep",
    load: async () => (await import("./state/pin.ts")).pinCommand,
  },
  {
    name: "unpin",
    summary: "let `state prune` remove a version again",
    load: async () => (await import("./state/unpin.ts")).unpinCommand,
  },
  {
    name: "prune",
    summary: "remove old versions for good",
    load: async () => (await import("./state/prune.ts")).pruneCommand,
  },
  {
    name: "rekey",
    summary: "encrypt every kept version anew, for other recipients",
    load: async () => (await import("./state/rekey.ts")).rekeyCommand,
  },
  {
    name: "pull",
    summary: "copy the whole project into another store, and verify it there",
    load: async () => (await import("./state/pull.ts")).pullCommand,
  },
  {
    name: "push",
    summary: "copy the whole project from another store into this one",
    load: async () => (await import("./state/push.ts")).pushCommand,
  },
  {
    name: "recover",
    summary: "put what a run kept because it could not be put",
    load: async () => (await import("./state/recover.ts")).recoverCommand,
  },
]

/** `alcides state`: the state files of a project and their versions. */
export const stateCommand: MakeCommand = (io, typed) =>
  addCommands(
    new Command("state")
      .description(
        "Read and write the state files of a project. Every write is a new version; only `prune` erases old ones.",
      )
      .addHelpText("after", examples("alcides state list", "alcides state get --name nixops-foo.json --file -")),
    { entries, io, typed },
  )
