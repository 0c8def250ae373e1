// A cloud that exists only as a folder (NIXOPS_STAND_IN_CLOUD) and gives each machine an id, addresses and a host key.
import { generateKeyPairSync, randomBytes } from "node:crypto"
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { homedir } from "node:os"
import { dirname, join } from "node:path"

const cloud = process.env.NIXOPS_STAND_IN_CLOUD

/** Without a cloud folder every machine exists that was ever made. */
export const machineExists = (vmId) => cloud === undefined || existsSync(join(cloud, vmId))

export function createMachine({ name, index, definition: { standIn, targetEnv } }) {
  if (targetEnv !== "stand-in") return { vmId: `nixops-${name}`, publicIpv4: undefined }
  const credentials = standIn.profile === null ? undefined : readCredentials(standIn.profile)
  if (standIn.printsCredentials && credentials !== undefined) {
    process.stdout.write(`${name}> signing in as ${credentials.id} with ${credentials.secret}\n`)
  }
  if (standIn.fails) throw new Error(`the provider could not start ‘${name}’`)
  const vmId = `i-${randomBytes(8).toString("hex")}`
  if (cloud !== undefined) {
    mkdirSync(cloud, { recursive: true })
    writeFileSync(join(cloud, vmId), `${name}\n`)
  }
  const { publicKey, privateKey } = generateKeyPairSync("ed25519")
  const hostKey = sshPublicKey(publicKey)
  const publicIpv4 = `203.0.113.${10 + index}`
  addKnownHost(publicIpv4, hostKey)
  return {
    vmId,
    publicIpv4,
    privateIpv4: `10.0.0.${10 + index}`,
    "standIn.publicHostKey": hostKey,
    "standIn.privateHostKey": privateKey.export({ type: "pkcs8", format: "pem" }),
  }
}

export function destroyMachine(vmId) {
  if (cloud !== undefined) rmSync(join(cloud, vmId), { force: true })
}

export function addKnownHost(address, key) {
  const path = join(homedir(), ".ssh", "known_hosts")
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const others = existsSync(path)
    ? readFileSync(path, "utf8")
        .split("\n")
        .filter((line) => line !== "" && !line.startsWith(`${address} `))
    : []
  writeFileSync(path, [...others, `${address} ${key}`, ""].join("\n"))
}

function readCredentials(profile) {
  const path = join(homedir(), ".aws", "credentials")
  const [, section] = (existsSync(path) ? readFileSync(path, "utf8") : "").split(`[${profile}]\n`)
  const value = (key) => new RegExp(`^${key} *= *(.+)$`, "m").exec((section ?? "").split("\n[")[0])?.[1]
  const [id, secret] = [value("aws_access_key_id"), value("aws_secret_access_key")]
  if (id === undefined || secret === undefined)
    throw new Error(`no credentials for profile ‘${profile}’ in ~/.aws/credentials`)
  return { id, secret }
}

// The key as OpenSSH writes it: two strings with their lengths before them, in base64.
function sshPublicKey(key) {
  const raw = Buffer.from(key.export({ format: "jwk" }).x, "base64url")
  const field = (bytes) => Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes])
  return `ssh-ed25519 ${Buffer.concat([field(Buffer.from("ssh-ed25519")), field(raw)]).toString("base64")}`
}
