import { expect, test } from "vitest"
import { read } from "./sources.ts"

// What people build on. A name that goes, or comes by accident, shows here.
test("the public names of alcides", async () => {
  expect(Object.keys(await import("alcides")).toSorted()).toEqual(namesOf("src/index.ts").values)
  expect(namesOf("src/index.ts")).toMatchInlineSnapshot(`
    {
      "types": [
        "Build",
        "BuildContext",
        "Dependencies",
        "Effect",
        "EffectContext",
        "EffectOptions",
        "EffectTree",
        "EffectTreeNode",
        "ErrorDetails",
        "ExitCode",
        "GitTokenReference",
        "Jobs",
        "Json",
        "LockUse",
        "Log",
        "NixValue",
        "Phase",
        "PhaseName",
        "Pipeline",
        "PipelineContext",
        "PipelineDefinition",
        "PipelineSettings",
        "Prebuilt",
        "PushJob",
        "Repo",
        "RunOptions",
        "RunResult",
        "ScheduleJob",
        "SecretData",
        "SecretName",
        "SecretsMap",
        "SetupStep",
        "StateFile",
        "StateFileUse",
        "Weekday",
        "When",
      ],
      "values": [
        "AlcidesError",
        "Exit",
        "Secret",
        "messageOf",
        "mkEffect",
        "noteDecision",
        "pipeline",
        "toNixExpression",
        "usageError",
      ],
    }
  `)
})

test("the public names of alcides/effects", async () => {
  expect(Object.keys(await import("alcides/effects")).toSorted()).toEqual(namesOf("effects/index.ts").values)
  expect(namesOf("effects/index.ts")).toMatchInlineSnapshot(`
    {
      "types": [
        "GitTokenOptions",
        "NixOpsAction",
        "RunIf",
        "RunNixOps2Options",
        "RunNixOpsOptions",
      ],
      "values": [
        "readSecretJSON",
        "readSecretString",
        "runIf",
        "runNixOps",
        "runNixOps2",
        "useDockerHost",
        "writeAWSSecret",
        "writeDockerKey",
        "writeGPGKey",
        "writeGitToken",
        "writeSSHKey",
      ],
    }
  `)
})

test("the public names of alcides/testing", async () => {
  expect(Object.keys(await import("alcides/testing")).toSorted()).toEqual(namesOf("src/testing/index.ts").values)
  expect(namesOf("src/testing/index.ts")).toMatchInlineSnapshot(`
    {
      "types": [
        "FakeProgram",
        "TestEffectOptions",
        "TestEffectResult",
      ],
      "values": [
        "fakeProgram",
        "testEffect",
        "testRepo",
      ],
    }
  `)
})

test("the entry points hold re-exports only", () => {
  for (const path of ["src/index.ts", "effects/index.ts", "src/testing/index.ts"]) {
    expect(read(path).replaceAll(exportPattern, "").trim()).toBe("")
  }
})

const exportPattern = /^export (type )?\{([^}]*)\} from "[^"]+"$/gm

function namesOf(path: string): { readonly values: readonly string[]; readonly types: readonly string[] } {
  const names = [...read(path).matchAll(exportPattern)].flatMap(([, allTypes, list = ""]) =>
    list
      .split(",")
      .map((entry) => entry.trim())
      .filter((entry) => entry !== "")
      .map((entry) => ({
        isType: allTypes !== undefined || entry.startsWith("type "),
        name: entry.replace("type ", ""),
      })),
  )
  const sorted = (isType: boolean): readonly string[] =>
    names.flatMap((entry) => (entry.isType === isType ? [entry.name] : [])).toSorted()
  return { values: sorted(false), types: sorted(true) }
}
