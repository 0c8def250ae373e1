import type { TestProject } from "vitest/node"
import { shareCeph } from "./ceph-shared.ts"

declare module "vitest" {
  export interface ProvidedContext {
    /** Where test files ask for the S3 servers; `ceph20` is empty unless `ALCIDES_TEST_CEPH20_ROOT` names an unpacked one. */
    readonly ceph: string
    readonly ceph20: string
  }
}

/** Runs once before all tests, and what it gives back after them. Nothing is started before a test file asks for it. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const root = process.env["ALCIDES_TEST_CEPH20_ROOT"] || undefined
  const shared = [await shareCeph(), ...(root === undefined ? [] : [await shareCeph({ root })])]
  project.provide("ceph", shared[0]?.socket ?? "")
  project.provide("ceph20", shared[1]?.socket ?? "")
  return async () => {
    await Promise.all(shared.map((one) => one.close()))
  }
}
