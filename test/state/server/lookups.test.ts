import { describe, expect, test } from "vitest"
import * as z from "zod/mini"
import { projectOf } from "../../../src/pipeline/project.ts"
import { parseRemoteUrl } from "../../../src/pipeline/remote-url.ts"
import { repoKeySchema } from "../../../src/state/hercules/api.ts"
import { idOf, projectId } from "../../../src/state/server/projects.ts"
import { repo, repoPath, served } from "../support/state-server.ts"

const projectOfUrl = (url: string) => {
  const remote = parseRemoteUrl(url)
  return remote === undefined ? undefined : projectOf(remote)
}

const id = projectId(repo)

describe("parse-git-url", () => {
  const parse = (url: string): string => `/api/v1/parse-git-url?gitURL=${encodeURIComponent(url)}`

  test.each(["git@github.com:neat-org/neat-repo.git", "https://github.com/neat-org/neat-repo"])(
    "reads %s",
    async (url) => {
      const { request } = await served({ projectOfUrl })
      expect(await (await request(parse(url))).json()).toEqual({
        siteName: "github",
        ownerName: "neat-org",
        repoName: "neat-repo",
        projectId: id,
      })
    },
  )

  test("gives no id that would be unknown after a restart, and the owner as it is", async () => {
    const { request } = await served({ projectOfUrl })
    const answer = await request(parse("https://gitlab.com/group/sub/repo.git"))
    const expected = { siteName: "gitlab", ownerName: "group/sub", repoName: "repo", projectId: null }
    expect(repoKeySchema.parse(await answer.json())).toEqual(expected)
  })

  test("refuses what is no such URL, and no URL at all", async () => {
    const { request } = await served({ projectOfUrl })
    for (const path of [parse("nonsense"), "/api/v1/parse-git-url"]) expect((await request(path)).status).toBe(400)
    expect((await request(parse("x"), { as: "nobody" })).status).toBe(401)
  })
})

describe("projects", () => {
  const find = "/api/v1/projects?site=github&account=neat-org&project="

  test("finds a project, in every field", async () => {
    const { request } = await served()
    const account = idOf("account", "github/neat-org")
    expect(await (await request(`${find}neat-repo`)).json()).toEqual([
      {
        id,
        owner: {
          id: account,
          name: "neat-org",
          displayName: "neat-org",
          typ: "Organization",
          imageURL: "",
          site: { id: idOf("site", "github"), name: "github", displayName: "github" },
        },
        ownerId: account,
        repoId: idOf("repo", "github/neat-org/neat-repo"),
        enabled: true,
        siteSlug: "github",
        ownerSlug: "neat-org",
        name: "neat-repo",
        slug: "neat-repo",
        displayName: "neat-repo",
        imageURL: null,
        isPublic: false,
      },
    ])
  })

  test("finds none that the token does not open", async () => {
    const { request } = await served()
    expect(await (await request(`${find}other`)).json()).toEqual([])
    expect(await (await request(`${find}other`, { as: "bob" })).json()).toHaveLength(1)
    expect((await request("/api/v1/projects?site=github")).status).toBe(400)
  })
})

describe("a token for an effect", () => {
  const issue = async ({ request }: Awaited<ReturnType<typeof served>>, as: "bob" | "reader"): Promise<string> => {
    const answer = await request(`/api/v1/projects/${id}/create-user-effect-token`, { as, method: "POST" })
    return z.object({ token: z.string() }).parse(await answer.json()).token
  }

  test("opens that project alone, and as the current task's", async () => {
    const all = await served()
    const headers = { authorization: `Bearer ${await issue(all, "bob")}` }
    const with_ = (path: string, init: RequestInit = {}) => all.request(path, { as: "nobody", ...init, headers })
    const state = "/api/v1/current-task/state/a/data"
    expect((await with_(state, { method: "PUT", body: "x" })).status).toBe(200)
    expect(await (await with_(`${repoPath}/state/a/data`)).text()).toBe("x")
    expect((await all.store.history("a"))?.[0]?.writer.by).toBe("bob")
    expect((await with_("/api/v1/site/github/account/neat-org/project/other/states")).status).toBe(403)
  })

  test("may do no more than the one that asked for it", async () => {
    const all = await served()
    const headers = { authorization: `Bearer ${await issue(all, "reader")}` }
    const path = "/api/v1/current-task/state/a/data"
    expect((await all.request(path, { as: "nobody", headers })).status).toBe(404)
    expect((await all.request(path, { as: "nobody", headers, method: "PUT", body: "x" })).status).toBe(403)
  })

  test("is not for strangers", async () => {
    const { request } = await served()
    const path = `/api/v1/projects/${id}/create-user-effect-token`
    expect((await request(path, { as: "stranger", method: "POST" })).status).toBe(403)
  })
})
