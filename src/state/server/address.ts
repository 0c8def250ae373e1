import { randomBytes } from "node:crypto"
import { chmod, lstat, rename, rm } from "node:fs/promises"
import type { Server } from "node:http"
import { connect } from "node:net"
import { resolve } from "node:path"
import { AlcidesError, messageOf, unlessMissing, usageError } from "../../errors.ts"

export type Address =
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }

/** Reads `unix:/path/to.sock`, `127.0.0.1:8080` or `[::1]:0`. Throws `serve-address-invalid`. */
export function parseAddress(text: string): Address {
  const path = /^unix:(.+)$/s.exec(text)?.[1]
  if (path !== undefined) return { kind: "unix", path: resolve(path) }
  const [, host = "", digits = ""] = /^(\[[^\]]*\]|[^:]*):(\d{1,5})$/.exec(text) ?? []
  const port = Number(digits)
  if (digits === "" || port > 65_535) throw addressInvalid(text, "it is neither unix:PATH nor HOST:PORT")
  if (host !== "[::1]" && !/^127(\.\d{1,3}){3}$/.test(host))
    throw addressInvalid(text, "only addresses of this machine are listened on: 127.0.0.1 and [::1]")
  return { kind: "tcp", host: host.replaceAll(/[[\]]/g, ""), port }
}

function addressInvalid(text: string, why: string): AlcidesError {
  return usageError({
    code: "serve-address-invalid",
    message: `cannot listen on ${JSON.stringify(text)}: ${why}`,
    hint: "write unix:/path/to.sock or 127.0.0.1:PORT; for other machines, put a proxy that speaks TLS in front",
  })
}

/** Makes the server listen, and returns where it can be reached. Throws `serve-address-taken` or `serve-failed`. */
export async function listen(server: Server, address: Address): Promise<string> {
  if (address.kind === "unix") await clearSocket(address.path)
  const bound = new Promise<void>((resolve, reject) => {
    server.once("listening", resolve).once("error", reject)
  })
  bind(server, address)
  try {
    await bound
    if (address.kind === "unix") await chmod(address.path, 0o600)
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "EADDRINUSE") throw taken(address)
    throw new AlcidesError({
      code: "serve-failed",
      message: `cannot listen on ${formatAddress(address)}: ${messageOf(cause)}`,
      hint: "check that the folder of the socket is there and writable and its path short, and that the port may be used",
      cause,
    })
  }
  const given = server.address()
  return typeof given === "object" && given !== null && address.kind === "tcp"
    ? formatAddress({ ...address, port: given.port })
    : formatAddress(address)
}

// Nobody else may connect, not even between the making of the socket and a change of its mode.
function bind(server: Server, address: Address): void {
  if (address.kind === "tcp") {
    server.listen({ host: address.host, port: address.port, exclusive: true })
    return
  }
  const before = process.umask(0o177)
  try {
    server.listen(address.path)
  } finally {
    process.umask(before)
  }
}

function formatAddress(address: Address): string {
  if (address.kind === "unix") return `unix:${address.path}`
  const { host, port } = address
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`
}

// The socket of a server that died is in the way of the next one.
async function clearSocket(path: string): Promise<void> {
  const before = await unlessMissing(lstat(path), undefined)
  if (before === undefined) return
  if (!before.isSocket()) {
    throw usageError({
      code: "serve-address-taken",
      message: `${path} is there already, and is no socket`,
      hint: "choose another path; what is there was left alone",
    })
  }
  if (await isAnswered(path)) throw taken({ kind: "unix", path })
  // Another server may replace it at this moment, too: what was moved away is looked at, and brought back when it is not the dead one.
  const aside = `${path}.${randomBytes(6).toString("hex")}`
  await unlessMissing(rename(path, aside), undefined)
  const moved = await unlessMissing(lstat(aside), undefined)
  if (moved !== undefined && moved.ino !== before.ino) {
    await rename(aside, path)
    throw taken({ kind: "unix", path })
  }
  await rm(aside, { force: true })
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once("connect", () => {
      socket.destroy()
      resolve(true)
    })
    socket.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNREFUSED" || error.code === "ENOENT") resolve(false)
      // Busy, or somebody else's: it is there.
      else resolve(true)
    })
  })
}

function taken(address: Address): AlcidesError {
  return usageError({
    code: "serve-address-taken",
    message: `${formatAddress(address)} is in use`,
    hint: "stop the server that listens there, or choose another address",
  })
}
