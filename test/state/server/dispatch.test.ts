import { describe, expect, test } from "vitest"
import { other, repoPath, secrets, served, tokens } from "../support/state-server.ts"
import { projectId } from "../../../src/state/server/projects.ts"

const message = async (response: Response): Promise<string> => {
  const body: unknown = await response.json()
  expect(body).toMatchObject({ errorTags: [] })
  return typeof body === "object" && body !== null && "message" in body ? String(body.message) : ""
}

describe("who asks", () => {
  test.each([
    ["nothing", {}],
    ["a wrong token", { authorization: "Bearer token-of-nobody" }],
    ["an empty token", { authorization: "Bearer " }],
    ["another scheme", { authorization: `Basic ${secrets.alice}` }],
    ["a token with something behind it", { authorization: `Bearer ${secrets.alice} x` }],
    ["what `jq` makes of a missing token", { authorization: "Bearer null" }],
  ])("is not known by %s, and learns nothing of what there is", async (_, headers) => {
    const { request, logged } = await served()
    for (const path of [`${repoPath}/state/a/data`, "/api/v1/nowhere", "/"]) {
      const response = await request(path, { as: "nobody", headers })
      expect(response.status).toBe(401)
      expect(response.headers.get("www-authenticate")).toBe("Bearer")
      expect(await message(response)).toMatch(/^(a bearer token is required|this token is not known here)$/)
    }
    expect(logged()).toBe("")
  })

  test("may write the scheme as she likes", async () => {
    const { request } = await served()
    const headers = { authorization: `bearer ${secrets.alice}` }
    expect((await request(`${repoPath}/states`, { as: "nobody", headers })).status).toBe(200)
  })

  test("gets no further than her projects", async () => {
    const { request } = await served()
    const path = "/api/v1/site/github/account/neat-org/project/other"
    const refused = await request(`${path}/states`)
    expect(refused.status).toBe(403)
    expect(await message(refused)).toBe("this token has no read access to github/neat-org/other")
    expect((await request(`${path}/states`, { as: "bob" })).status).toBe(200)
    expect((await request(`${repoPath}/states`, { as: "stranger" })).status).toBe(403)
  })

  test("may read, but neither write nor lock with a token for reading", async () => {
    const { request } = await served()
    const as = "reader"
    expect((await request(`${repoPath}/states`, { as })).status).toBe(200)
    const put = await request(`${repoPath}/state/a/data`, { as, method: "PUT", body: "x" })
    expect(put.status).toBe(403)
    expect(await message(put)).toBe("this token has no write access to github/neat-org/neat-repo")
    const body = JSON.stringify({ description: "", exclusive: false })
    expect((await request(`${repoPath}/lock/a`, { as, method: "POST", body })).status).toBe(403)
  })

  test("is not told of a pattern that it names itself", async () => {
    const { request } = await served()
    const response = await request("/api/v1/site/github/account/neat-org/project/*/states", { as: "bob" })
    expect(response.status).toBe(400)
  })
})

describe("the project", () => {
  test("by its id is the one by its name", async () => {
    const { request } = await served()
    await request(`${repoPath}/state/a/data`, { method: "PUT", body: "x" })
    const id = projectId({ site: "github", owner: "neat-org", name: "neat-repo" })
    for (const spelling of [id, id.toUpperCase()])
      expect(await (await request(`/api/v1/projects/${spelling}/state/a/data`)).text()).toBe("x")
  })

  test("is known by its id only when a token names it, or when it was asked for by its name", async () => {
    const { request } = await served()
    const states = `/api/v1/projects/${projectId(other)}/states`
    const refused = await request(states, { as: "bob" })
    expect(refused.status).toBe(404)
    expect(await message(refused)).toContain("no project of this id is known here")
    await request("/api/v1/site/github/account/neat-org/project/other/states", { as: "bob" })
    expect((await request(states, { as: "bob" })).status).toBe(200)
    expect((await request(states)).status).toBe(403)
  })

  test("of the current task is the token's", async () => {
    const { request } = await served()
    const path = "/api/v1/current-task/state/a/data"
    for (const as of ["alice", "bob"] as const) {
      expect((await request(path, { as, method: "PUT", body: as })).status).toBe(200)
      expect(await (await request(`${repoPath}/state/a/data`)).text()).toBe(as)
    }
    expect((await request(path, { as: "reader", method: "PUT", body: "x" })).status).toBe(403)
    expect(await (await request(path, { as: "reader" })).text()).toBe("bob")
  })

  test("of a token for many is none, unless it says so", async () => {
    const { request } = await served({ tokens: tokens.map((token) => ({ ...token, currentTask: undefined })) })
    const response = await request("/api/v1/current-task/state/a/data", { as: "bob" })
    expect(response.status).toBe(403)
    expect(await message(response)).toContain("currentTask")
  })
})
