export { runIf, type RunIf } from "./run-if.ts"
