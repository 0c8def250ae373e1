import { expect, test } from "vitest"
import { openHerculesStore } from "../../../../src/state/drivers/hercules.ts"
import { httpServer } from "../../../support/http-server.ts"
import { project } from "../../contract.ts"

const lease = "6a1c3a5e-0e4e-4a86-8e0a-3a8c5b8e6b0f"

test.each([
  [404, "application/json", "{}", "lease-lost"],
  [410, "application/json", "", "lease-lost"],
  [404, "text/plain", "404 page not found", "store-missing"],
  [404, "text/html", "<html>", "store-missing"],
  [410, "text/html", "<html>", "store-failed"],
])("only the server itself says that a lease is lost: %i %s %j is %s", async (status, type, body, code) => {
  const endpoint = await httpServer((_, response) => response.writeHead(status, { "content-type": type }).end(body))
  const store = openHerculesStore(`hercules:${endpoint}`, project, { env: { HERCULES_CI_API_TOKEN: "token" } })
  await expect(store.renew(lease, { ttl: 60 })).rejects.toMatchObject({ code })
  await expect(store.release(lease)).rejects.toMatchObject({ code })
})
