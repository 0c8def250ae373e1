import { describe, expect, inject, test } from "vitest"
import { askForCeph } from "../../support/ceph-shared.ts"
import { testClocks } from "../clocks.ts"
import { project, testStateStore } from "../contract.ts"
import { testCrashes } from "../crashes.ts"
import { testRaces } from "../races.ts"
import { bytes } from "../support/content.ts"
import { s3Storage, type S3Storage } from "../support/s3-storage.ts"

// Debian's next release has it; until then `.ci/ceph20` unpacks it, as a server whose answers differ from the older one's.
const name = "s3 (Ceph 20.2)"
const socket = inject("ceph20")
const storage = async (): Promise<S3Storage> => s3Storage(await askForCeph(socket))

if (socket === "") {
  process.stderr.write(
    "NOT RUN: the tests on Ceph 20.2, because ALCIDES_TEST_CEPH20_ROOT names no unpacked one: .ci/ceph20 unpacks it\n",
  )
  test.skip(name)
} else {
  testStateStore(name, storage)
  testRaces(name, storage)
  testCrashes(name, { makeStorage: storage, pauses: ["get record", "put record"], putSteps: 3 })
  testClocks(name, storage)

  describe(`${name}: a bucket with versions, where writers that race may all win`, () => {
    test("takes neither state nor locks", async () => {
      const { bucket, open } = await storage()
      await bucket.enableVersioning()
      const put = (await open(project)).put("a.json", bytes("x"), { base: "absent", writer: { by: "alice" } })
      await expect(put).rejects.toMatchObject({
        code: "store-unsafe",
        hint: expect.stringContaining("without versions"),
      })
    })

    test("is noticed by the first write when it gets them later, which says that it was made, and by all others before they write", async () => {
      const { bucket, open } = await storage()
      const writer = { by: "alice" }
      await (await open(project)).put("a.json", bytes("one"), { base: "absent", writer })
      await bucket.enableVersioning()
      const put = async (text: string) => (await open(project)).put("a.json", bytes(text), { base: "current", writer })
      await expect(put("two")).rejects.toMatchObject({
        code: "store-unsafe",
        message: expect.stringMatching(/in a bucket with versions; this write was made all the same$/),
      })
      const versions = async () => (await (await open(project)).history("a.json"))?.map(({ version }) => version)
      expect(await versions()).toEqual([2, 1])
      for (const text of ["three", "four"]) {
        await expect(put(text)).rejects.toMatchObject({
          code: "store-unsafe",
          message: expect.stringMatching(/in a bucket with versions$/),
        })
      }
      expect(await versions()).toEqual([2, 1])
    })
  })
}
