/** Where a git remote leads, in the words of a project path. */
export type Remote = { readonly site: string; readonly owner: string; readonly name: string }

const wellKnownSites: Readonly<Record<string, string>> = {
  "github.com": "github",
  "ssh.github.com": "github",
  "gitlab.com": "gitlab",
  "altssh.gitlab.com": "gitlab",
}

/** What a project path calls a forge: the two big ones by their names, the others by their hosts. */
export function siteOf(host: string): string {
  const lower = host.toLowerCase()
  return wellKnownSites[lower] ?? lower
}

/** Reads `git@host:owner/name.git` and `https://host/owner/name`; `undefined` for anything that names no owner and repository. */
export function parseRemoteUrl(url: string): Remote | undefined {
  const scp = /^(?:[^@/]+@)?([^:/]+):(?!\/)(.+)$/.exec(url)
  const [host, path] =
    scp !== null ? [scp[1], scp[2]] : URL.canParse(url) ? [new URL(url).hostname, new URL(url).pathname] : []
  if (host === undefined || host === "" || path === undefined) return undefined
  const parts = path
    .replace(/\.git\/?$/, "")
    .split("/")
    .filter((part) => part !== "")
  const name = parts.pop()
  if (name === undefined || parts.length === 0) return undefined
  return { site: siteOf(host), owner: parts.join("/"), name }
}
