import { expect, test } from "vitest"
import { isSafeTarget, parseHerculesUrl, projectRoute } from "../../../../src/state/drivers/hercules/url.ts"

const fromEnvironment = { HERCULES_CI_API_BASE_URL: "https://hercules.example/" }

test.each([
  ["hercules:", {}, "https://hercules-ci.com/", undefined, false],
  ["hercules:", fromEnvironment, "https://hercules.example/", undefined, false],
  ["hercules:", { HERCULES_CI_API_BASE_URL: "" }, "https://hercules-ci.com/", undefined, false],
  ["hercules:https://h.example:8443/", {}, "https://h.example:8443/", undefined, false],
  ["hercules:http://127.0.0.1:8080", {}, "http://127.0.0.1:8080/", undefined, false],
  ["hercules:http://[::1]:8080", {}, "http://[::1]:8080/", undefined, false],
  ["hercules:current-task", { HERCULES_CI_API_BASE_URL: "http://localhost:1" }, "http://localhost:1/", undefined, true],
  [
    "hercules:?socket=/run/alcides.sock",
    { HERCULES_CI_API_BASE_URL: "https://h" },
    "http://localhost/",
    "/run/alcides.sock",
    false,
  ],
  ["hercules:current-task?socket=/run/a%20b.sock", {}, "http://localhost/", "/run/a b.sock", true],
] as const)("%s with %j", (url, env, base, socket, isTask) => {
  const place = parseHerculesUrl(url, env)
  // A server that only the environment names is named.
  const named = env === fromEnvironment ? "hercules:https://hercules.example" : url
  expect({ ...place, base: place.base.href }).toEqual({ url: named, base, socket, isTask })
})

test.each([
  ["hercules:http://hercules.example", {}, "https:// is needed for every host but this machine"],
  ["hercules:", { HERCULES_CI_API_BASE_URL: "http://hercules.example" }, "https:// is needed"],
  ["hercules:ftp://127.0.0.1", {}, "https:// is needed"],
  ["hercules:https://h.example/api/v1", {}, "the server's address has no path"],
  ["hercules:https://user:s3cr3t@h.example", {}, "a token does not belong in it"],
  ["hercules:https://user:s3cr3t/more@h.example", {}, "is no address of a server"],
  ["hercules:https://h.example:x?token=s3cr3t", {}, "socket is the only option of hercules:"],
  [
    "hercules:",
    { HERCULES_CI_API_BASE_URL: "https://h.example:x?token=s3cr3t" },
    '"https://h.example:x?…" is no address',
  ],
  ["hercules:h.example", {}, '"h.example" is no address of a server'],
  ["hercules:", { HERCULES_CI_API_BASE_URL: "nonsense" }, '"nonsense" is no address of a server'],
  ["hercules:?retries=3", {}, "socket is the only option of hercules:"],
  ["hercules:?socket=a&socket=b", {}, "it names two sockets"],
  ["hercules:?socket=run/a.sock", {}, "the socket's path is not absolute"],
] as const)("%s with %j is refused", (url, env, why) => {
  expect(() => parseHerculesUrl(url, env)).toThrow(
    expect.objectContaining({
      code: "store-url-invalid",
      exit: 2,
      message: expect.stringMatching(/ is no hercules: URL: /),
      hint: expect.stringContaining("hercules:https://HOST"),
    }),
  )
  expect(() => parseHerculesUrl(url, env)).toThrow(why)
  expect(() => parseHerculesUrl(url, env)).not.toThrow("s3cr3t")
})

test("a project is reached by its name, and by its id when the environment tells the id of this project", () => {
  const project = { site: "github", owner: "neat-org", name: "neat-repo" }
  const byName = ["site", "github", "account", "neat-org", "project", "neat-repo"]
  const id = "0AD1C3A5-0E4E-4A86-8E0A-3A8C5B8E6B0F"
  const path = "github/neat-org/neat-repo"
  expect(projectRoute(project, {})).toEqual(byName)
  expect(projectRoute(project, { HERCULES_CI_PROJECT_ID: id })).toEqual(byName)
  expect(projectRoute(project, { HERCULES_CI_PROJECT_ID: id, HERCULES_CI_PROJECT_PATH: "github/neat-org/x" })).toEqual(
    byName,
  )
  expect(projectRoute(project, { HERCULES_CI_PROJECT_ID: id, HERCULES_CI_PROJECT_PATH: path })).toEqual([
    "projects",
    id.toLowerCase(),
  ])
  expect(() => projectRoute(project, { HERCULES_CI_PROJECT_ID: "7", HERCULES_CI_PROJECT_PATH: path })).toThrow(
    expect.objectContaining({
      code: "project-id-invalid",
      exit: 2,
      message: 'HERCULES_CI_PROJECT_ID is no UUID: "7"',
    }),
  )
  expect(projectRoute({ ...project, owner: "group%2Fsub" }, {})).toContain("group/sub")
})

test.each([
  ["https://hercules-ci.com", "https://bucket.example/x", true],
  ["https://hercules-ci.com", "http://bucket.example/x", false],
  ["https://hercules-ci.com", "http://127.0.0.1:8080/x", false],
  ["http://127.0.0.1:1", "http://127.0.0.1:8080/x", true],
  ["http://127.0.0.1:1", "http://bucket.example/x", false],
  ["http://127.0.0.1:1", "file:///etc/passwd", false],
])("from %s to %s: %j", (from, to, isSafe) => {
  expect(isSafeTarget(new URL(to), new URL(from))).toBe(isSafe)
})
