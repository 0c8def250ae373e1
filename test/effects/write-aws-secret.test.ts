import { readFile, stat } from "node:fs/promises"
import { join } from "node:path"
import { afterEach, describe, expect, test } from "vitest"
import { writeAWSSecret } from "alcides/effects"
import { createEffectContext, type TestContext } from "../support/effect-context.ts"

const keys = { aws_access_key_id: "AKIAEXAMPLE", aws_secret_access_key: "wJalr/XUtn+FEMI" }
let made: TestContext | undefined

afterEach(() => made?.remove())

async function contextOf(secrets: Parameters<typeof createEffectContext>[0]): Promise<TestContext> {
  made = await createEffectContext(secrets)
  return made
}

function read(home: string, name: string): Promise<string> {
  return readFile(join(home, ".aws", name), "utf8")
}

describe("writeAWSSecret", () => {
  test("writes the default profile from the secret aws", async () => {
    const { context } = await contextOf({ aws: keys })
    await writeAWSSecret().run(context)
    expect(await read(context.home, "credentials")).toBe(
      "[default]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = wJalr/XUtn+FEMI\n\n",
    )
    await expect(read(context.home, "config")).rejects.toThrow("ENOENT")
  })

  test("several profiles stand beside each other, with session token and region", async () => {
    const { context } = await contextOf({
      a: keys,
      b: { ...keys, aws_session_token: "tok\n", region: "eu-west-1", extra: 1 },
    })
    await writeAWSSecret("a", "staging").run(context)
    await writeAWSSecret("b", "production").run(context)
    await writeAWSSecret("b", "default").run(context)
    expect(sectionsOf(await read(context.home, "credentials"))).toEqual({
      staging: keys,
      production: { ...keys, aws_session_token: "tok" },
      default: { ...keys, aws_session_token: "tok" },
    })
    expect(sectionsOf(await read(context.home, "config"))).toEqual({
      "profile production": { region: "eu-west-1" },
      default: { region: "eu-west-1" },
    })
  })

  test("only we can read what it wrote", async () => {
    const { context } = await contextOf({ aws: { ...keys, region: "x" } })
    await writeAWSSecret().run(context)
    const modes = await Promise.all(
      [".aws", ".aws/credentials", ".aws/config"].map(async (name) =>
        ((await stat(join(context.home, name))).mode & 0o777).toString(8),
      ),
    )
    expect(modes).toEqual(["700", "600", "600"])
  })

  test.each([
    [{ aws_access_key_id: "A" }, "aws_secret_access_key is missing"],
    [{ ...keys, aws_access_key_id: " \n" }, "aws_access_key_id is empty"],
    [{ ...keys, region: "" }, "region is empty"],
    [{ ...keys, aws_secret_access_key: null }, "aws_secret_access_key is missing"],
  ])("a field that is missing or empty is an error: %j", async (data, problem) => {
    const { context } = await contextOf({ aws: data })
    await expect(writeAWSSecret().run(context)).rejects.toMatchObject({
      code: "secret-field-missing",
      exit: 2,
      message: `secret "aws": field ${problem}`,
      hint: 'add the field to the secret that the secretsMap calls "aws"',
    })
    await expect(read(context.home, "credentials")).rejects.toThrow("ENOENT")
  })

  test.each([
    [{ ...keys, aws_access_key_id: 12 }, "Invalid input: expected string, received number"],
    [{ ...keys, aws_access_key_id: "x\n[other]" }, "must be one line"],
  ])("a field of another shape is an error: %j", async (data, problem) => {
    const { context } = await contextOf({ aws: data })
    await expect(writeAWSSecret().run(context)).rejects.toMatchObject({
      code: "secret-field-invalid",
      message: `secret "aws": field aws_access_key_id is not as expected: ${problem}`,
      hint: 'mend the secret that the secretsMap calls "aws"',
    })
  })

  test("a profile is written once", async () => {
    const { context } = await contextOf({ aws: keys })
    await writeAWSSecret("aws", "p").run(context)
    await expect(writeAWSSecret("aws", "p").run(context)).rejects.toMatchObject({
      code: "aws-profile-repeated",
      message: "writeAWSSecret: the profile p is written twice",
      hint: "give each secret a profile of its own",
    })
  })

  test.each(["", "a]", "[a", "a\nb", " a", "a ", "#a"])("%j is no profile", (profile) => {
    expect(() => writeAWSSecret("aws", profile)).toThrow(
      expect.objectContaining({
        code: "aws-profile-invalid",
        message: `writeAWSSecret: ${JSON.stringify(profile)} is no profile name`,
      }),
    )
  })

  test("says what it reads", () => {
    expect(writeAWSSecret("prod", "p")).toMatchObject({ description: "write the AWS profile p", secrets: ["prod"] })
  })
})

// As the AWS SDKs read these files: https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
function sectionsOf(text: string): Record<string, Record<string, string>> {
  const sections: Record<string, Record<string, string>> = {}
  let current: Record<string, string> = {}
  for (const line of text.split("\n").filter((line) => line.trim() !== "")) {
    const title = /^\[(.*)\]$/.exec(line)?.[1]
    if (title !== undefined) {
      if (title in sections) throw new Error(`duplicate section ${title}`)
      current = sections[title] = {}
    } else {
      const [key = "", ...value] = line.split("=")
      current[key.trim()] = value.join("=").trim()
    }
  }
  return sections
}
