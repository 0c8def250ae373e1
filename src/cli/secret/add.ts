import { Command } from "@commander-js/extra-typings"
import { usageError } from "../../errors.ts"
import { resolveProject } from "../../pipeline/project.ts"
import { addEntry } from "../../secrets/add-entry.ts"
import { readSecretsText } from "../../secrets/location.ts"
import { examples } from "../help.ts"
import type { Io } from "../io.ts"
import { writeWhole } from "../state/output.ts"
import { conditionOption, defaultCondition } from "./condition-option.ts"
import { readSecretData } from "./data.ts"
import { addDataOptions } from "./data-options.ts"
import { findSecretsFile, ownerOption, secretsOption } from "./place.ts"

export const addCommand = (io: Io) => {
  const command = new Command("add")
    .description("Add a secret to secrets.json. One that is there already is never overwritten.")
    .argument("<name>", "the secret's name in secrets.json, such as production-aws")
    .addOption(conditionOption())
    .addOption(ownerOption())
    .addOption(secretsOption())
    .addHelpText(
      "after",
      examples(
        "alcides secret add netlify --password token",
        "alcides secret add neat-aws --string-env aws_access_key_id AWS_ACCESS_KEY_ID --string-env aws_secret_access_key AWS_SECRET_ACCESS_KEY",
        `alcides secret add neat-ssh --string-file privateKey ./id_ed25519 --condition '{"isBranch": "production"}'`,
      ),
    )
  const inputs = addDataOptions(command)
  return command.action(async (name, { condition, ...flags }) => {
    if (name === "") throw noName()
    const path = await findSecretsFile(io, flags)
    const read = async (): Promise<string> => {
      const { text } = await readSecretsText({ kind: "file", path, namedBy: "the project" })
      if (text === undefined) throw noFile(path, flags.project)
      return text
    }
    const { env, cwd } = io
    const kind = "Secret"
    // Whoever types a password should not hear afterwards that the name was taken.
    addEntry({ text: await read(), label: path, name, entry: { kind, data: {} } })
    const granted = condition ?? defaultCondition(await resolveProject({ flag: flags.project, env, cwd }))
    const data = await readSecretData(io, { inputs: inputs(), name })
    const content = addEntry({ text: await read(), label: path, name, entry: { kind, data, condition: granted } })
    await writeWhole(path, { content: toBytes(content), signal: io.signal })
    io.stderr.write(`secret ${name} added to ${path}\n`)
  })
}

async function* toBytes(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text)
}

function noName() {
  return usageError({
    code: "secret-name-invalid",
    message: "the name of the secret is empty",
    hint: "name it for what it opens, such as production-aws",
  })
}

function noFile(path: string, project: string | undefined) {
  return usageError({
    code: "secrets-file-missing",
    message: `there is no secrets file ${path}`,
    hint: `if the owner is right, make it with: alcides secret init-local${project === undefined ? "" : ` --project ${project}`}`,
  })
}
