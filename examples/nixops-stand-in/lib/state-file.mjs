// NixOps keeps an SQLite database; the stand-in keeps the same attributes as JSON in the same place, one durable write a change.
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from "node:fs"
import { dirname, extname } from "node:path"

export function openStateFile(path) {
  if (![".nixops", ".charon"].includes(extname(path)))
    throw new Error(`state file ‘${path}’ should have extension ‘.nixops’`)
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const deployments = existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : {}
  const save = () => {
    const file = openSync(`${path}.new`, "w", 0o600)
    writeSync(file, `${JSON.stringify(deployments, null, 2)}\n`)
    fsyncSync(file)
    closeSync(file)
    renameSync(`${path}.new`, path)
  }
  return { path, deployments, save }
}

/** The one deployment that is meant: by UUID, name or the beginning of the UUID, else the only one. */
export function findDeployment({ path, deployments }, wanted) {
  const all = Object.keys(deployments)
  const exact = all.filter((uuid) => !wanted || uuid === wanted || deployments[uuid].name === wanted)
  const found = exact.length > 0 || !wanted ? exact : all.filter((uuid) => uuid.startsWith(wanted))
  if (found.length === 0) throw new Error(`could not find specified deployment in state file ‘${path}’`)
  if (found.length > 1) {
    throw new Error(
      wanted
        ? "state file contains multiple deployments with the same name, so you should specify one using its UUID"
        : "state file contains multiple deployments, so you should specify which one to use using ‘-d’, or set the environment variable NIXOPS_DEPLOYMENT",
    )
  }
  return { uuid: found[0], attrs: deployments[found[0]] }
}

export const newDeployment = () => ({ resources: {} })

/** An attribute that holds JSON inside its string, as NixOps stores lists and sets. */
export const jsonAttr = (attrs, name, otherwise) => (attrs[name] === undefined ? otherwise : JSON.parse(attrs[name]))
