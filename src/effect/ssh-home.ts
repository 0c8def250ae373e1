import { chmod, mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { findProgram } from "../exec.ts"

const programs = ["ssh", "scp", "sftp"]
const keyNames = ["id_rsa", "id_ed25519", "id_ecdsa"]

/**
 * Makes ssh honour the private HOME: OpenSSH looks its files up in /etc/passwd and ignores HOME, so that it would use the
 * runner's own keys and known hosts. What an effect writes into `.ssh/config` comes first, the machine's settings last.
 * Returns the folder to put first on PATH.
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
  const config = join(bin, "ssh_config")
  const wrap = async (program: string): Promise<void> => {
    const real = findProgram(program, path)
    if (real === undefined) return
    const wrapper = join(bin, program)
    await writeFile(wrapper, `#!/bin/sh\nexec ${quote(real)} -F ${quote(config)} "$@"\n`)
    await chmod(wrapper, 0o700)
  }
  const configured = writeFile(
    config,
    [
      `Include ${word(join(ssh, "config"))}`,
      "Host *",
      "  BatchMode yes",
      `  UserKnownHostsFile ${word(join(ssh, "known_hosts"))}`,
      ...keyNames.map((name) => `  IdentityFile ${word(join(ssh, name))}`),
      "Include /etc/ssh/ssh_config",
      "",
    ].join("\n"),
    { mode: 0o600 },
  )
  await Promise.all([configured, ...programs.map(wrap)])
  return bin
}

// In ssh's configuration `%` begins a token, and a space ends a word.
function word(path: string): string {
  return `"${path.replaceAll("%", "%%")}"`
}

function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`
}
