import { expect, test } from "vitest"
import { pipeline } from "../../src/pipeline/pipeline.ts"
import { recipientsIn } from "../../src/pipeline/recipients.ts"
import { checkSettings } from "../../src/pipeline/settings.ts"

test.each([
  [{ encryption: { recipients: [] } }, "the settings of the pipeline.encryption.recipients: "],
  [{ encryption: { recipients: "age1" } }, "the settings of the pipeline.encryption.recipients: "],
  [{ encryption: { recipients: [1] } }, "the settings of the pipeline.encryption.recipients.0: "],
  [{ encryption: { identity: "x" } }, "the settings of the pipeline.encryption.recipients: "],
  [{ stoer: "s3://x" }, "the settings of the pipeline: "],
  [{ store: 1 }, "the settings of the pipeline.store: "],
])("%j is refused with its place", (settings, message) => {
  // What a pipeline file in plain JavaScript may give.
  const given = JSON.parse(JSON.stringify(settings))
  for (const check of [() => checkSettings(given), () => pipeline({}, given)]) {
    expect(check).toThrow(
      expect.objectContaining({
        code: "pipeline-settings-invalid",
        exit: 2,
        message: expect.stringContaining(message),
        hint: expect.stringContaining("encryption"),
      }),
    )
  }
})

test("recipients are told by their place in the file", () => {
  const settings = checkSettings({ store: "s3://x", project: "a/b/c", encryption: { recipients: ["age1a", "age1b"] } })
  expect(recipientsIn(settings, "ci.ts")).toEqual([
    { text: "age1a", where: "ci.ts: encryption.recipients[0]" },
    { text: "age1b", where: "ci.ts: encryption.recipients[1]" },
  ])
  expect(recipientsIn({}, "ci.ts")).toEqual([])
})
