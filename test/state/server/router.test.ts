import { describe, expect, test } from "vitest"
import { hashToken } from "../../../src/state/server/tokens.ts"
import { repoPath, secrets, served } from "../support/state-server.ts"

describe("a path", () => {
  test.each([
    ["HEAD", `${repoPath}/state/a/data`, "GET, PUT"],
    ["POST", `${repoPath}/state/a/data`, "GET, PUT"],
    ["DELETE", `${repoPath}/state/a/data`, "GET, PUT"],
    ["GET", `${repoPath}/lock/a`, "POST"],
    ["PATCH", "/api/v1/lock-leases/1", "POST, DELETE"],
    ["OPTIONS", `${repoPath}/states`, "GET"],
  ])("takes no %s: %s", async (method, path, allow) => {
    const { request } = await served()
    const response = await request(path, { method })
    expect(response.status).toBe(405)
    expect(response.headers.get("allow")).toBe(allow)
  })

  test.each([
    "/",
    "/api/v1",
    "/api/v2/projects",
    `${repoPath}/state/a`,
    `${repoPath}/state/a/data/x`,
    `${repoPath}//states`,
  ])("is no route: %s", async (path) => {
    const { request } = await served()
    expect((await request(path)).status).toBe(404)
  })

  test.each([
    ["a slash", "a%2Fb"],
    ["a backslash", "a%5Cb"],
    ["dots", "a%2e%2eb"],
    ["nothing", ""],
    ["a control character", "a%00b"],
    ["no UTF-8", "%ff"],
    ["no percent-encoding", "%zz"],
    ["too much", "a".repeat(201)],
  ])("names no state with %s in it", async (_, name) => {
    const { request } = await served()
    for (const method of ["GET", "PUT"]) {
      const response = await request(`${repoPath}/state/${name}/data`, {
        method,
        ...(method === "PUT" && { body: "x" }),
      })
      expect(response.status).toBe(400)
      expect(await response.json()).toMatchObject({ message: expect.stringMatching(/./), errorTags: [] })
    }
  })

  test("names what it names, whatever the characters", async () => {
    const { request, store } = await served()
    const names = ["nixops foo.json", "größe ☂.json", "100%.json", "a+b&c=d;e?f#g.json", "'\"().json"]
    for (const name of names) {
      const path = `${repoPath}/state/${encodeURIComponent(name)}/data`
      expect((await request(path, { method: "PUT", body: name })).status).toBe(200)
      expect(await (await request(path)).text()).toBe(name)
    }
    expect((await store.list()).map(({ name }) => name).toSorted()).toEqual(names.toSorted())
  })

  test("puts a subgroup's slash into one piece", async () => {
    const projects = ["gitlab/group%2Fsub/repo"]
    const { request } = await served({
      tokens: [{ sha256: hashToken(secrets.alice), name: "alice", projects, access: "read" }],
    })
    const path = "/api/v1/site/gitlab/account/group%2Fsub/project/repo/states"
    expect((await request(path)).status).toBe(200)
  })
})
