import { expect, it } from "vitest"
import { parseRemoteUrl } from "../../src/pipeline/remote-url.ts"

it.each([
  ["git@github.com:neat-org/neat-repo.git", "github", "neat-org", "neat-repo"],
  ["github.com:neat-org/neat-repo", "github", "neat-org", "neat-repo"],
  ["https://github.com/neat-org/neat-repo", "github", "neat-org", "neat-repo"],
  ["https://GitHub.com/neat-org/neat-repo.git/", "github", "neat-org", "neat-repo"],
  ["https://user:t0ken@github.com/neat-org/neat-repo.git", "github", "neat-org", "neat-repo"],
  ["ssh://git@ssh.github.com:443/neat-org/neat-repo.git", "github", "neat-org", "neat-repo"],
  ["git@gitlab.com:org/team/sub/repo.git", "gitlab", "org/team/sub", "repo"],
  ["ssh://git@altssh.gitlab.com:443/org/repo.git", "gitlab", "org", "repo"],
  ["ssh://git@Git.Neat.org:2222/org/repo.git", "git.neat.org", "org", "repo"],
  ["git@Git.Neat.org:org/repo.git", "git.neat.org", "org", "repo"],
])("%s", (url, site, owner, name) => {
  expect(parseRemoteUrl(url)).toEqual({ site, owner, name })
})

it.each([
  "",
  "/srv/git/repo.git",
  "../repo",
  "file:///srv/git/org/repo.git",
  "https://github.com/",
  "git@github.com:repo",
])("%j names no owner and repository", (url) => {
  expect(parseRemoteUrl(url)).toBeUndefined()
})
