import { chmod, mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { findProgram } from "../exec.ts"

const programs = ["ssh", "scp", "sftp"]
const keyNames = ["id_rsa", "id_ed25519", "id_ecdsa"]

/**
 * Makes ssh honour the private HOME: OpenSSH looks its files up in /etc/passwd and ignores HOME, so that it would use the
 * runner's own keys and known hosts. Returns the folder to put first on PATH.
 */
export async function writeSshWrappers({
  home,
  path,
}: {
  readonly home: string
  readonly path: string
}): Promise<string> {
  const ssh = join(home, ".ssh")
  const bin = join(home, ".alcides-bin")
  await Promise.all([mkdir(ssh, { mode: 0o700 }), mkdir(bin, { mode: 0o700 })])
  const config = join(ssh, "config")
  await writeFile(
    config,
    [
      "Host *",
      "  BatchMode yes",
      `  UserKnownHostsFile ${join(ssh, "known_hosts")}`,
      ...keyNames.map((name) => `  IdentityFile ${join(ssh, name)}`),
      "",
    ].join("\n"),
    { mode: 0o600 },
  )
  for (const program of programs) {
    const real = await findProgram(program, path)
    if (real === undefined) continue
    const wrapper = join(bin, program)
    await writeFile(wrapper, `#!/bin/sh\nexec ${quote(real)} -F ${quote(config)} "$@"\n`)
    await chmod(wrapper, 0o700)
  }
  return bin
}

function quote(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`
}
