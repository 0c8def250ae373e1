// What `nixops deploy` is asked to do, and whether the deployment may be another one afterwards.
const actions = {
  switch: { flags: [], changes: true },
  "dry-run": { flags: ["--dry-run"], changes: false },
  plan: { flags: ["--plan-only"], changes: false },
  build: { flags: ["--build-only"], changes: false },
  create: { flags: ["--create-only"], changes: true },
  copy: { flags: ["--copy-only"], changes: true },
  "dry-activate": { flags: ["--dry-activate"], changes: true },
  test: { flags: ["--test"], changes: true },
  boot: { flags: ["--boot"], changes: true },
} as const satisfies Record<string, { readonly flags: readonly string[]; readonly changes: boolean }>

/** What a NixOps effect does: the whole deployment, or the first part of it. */
export type NixOpsAction = keyof typeof actions

/** Every action by its own name, for `z.enum`. */
export const nixOpsActions = {
  switch: "switch",
  "dry-run": "dry-run",
  plan: "plan",
  build: "build",
  create: "create",
  copy: "copy",
  "dry-activate": "dry-activate",
  test: "test",
  boot: "boot",
} as const satisfies { readonly [Action in NixOpsAction]: Action }

/**
 * Whether the action changes machines or resources, so that the state must be put back. The others leave the shared state
 * alone, because NixOps writes to its state even in a dry run: https://github.com/NixOS/nixops/issues/1499
 */
export function changesTheWorld(action: NixOpsAction): boolean {
  return actions[action].changes
}

export type DeployOptions = {
  readonly action: NixOpsAction
  readonly allowReboot: boolean
  readonly allowRecreate: boolean
}

/** The arguments of `nixops` that carry the action out, without a question to anybody. */
export function deployArguments({ action, allowReboot, allowRecreate }: DeployOptions): readonly string[] {
  return [
    "deploy",
    "--confirm",
    ...(allowReboot ? ["--allow-reboot"] : []),
    ...(allowRecreate ? ["--allow-recreate"] : []),
    ...actions[action].flags,
  ]
}
