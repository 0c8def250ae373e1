export { runIf, type RunIf } from "./run-if.ts"
export type { NixOpsAction } from "./nixops/action.ts"
export { runNixOps, type RunNixOpsOptions } from "./run-nixops.ts"
