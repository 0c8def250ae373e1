import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { printable } from "../../src/cli/printable.ts"
import { formatSize } from "../../src/cli/size.ts"
import { formatTable } from "../../src/cli/table.ts"
import { formatTime } from "../../src/cli/time.ts"
import { displayWidth } from "../../src/cli/width.ts"

const columns = [{ title: "name" }, { title: "size", align: "right" }, { title: "by" }] as const

describe("formatTable", () => {
  it("aligns columns and leaves no blanks at the end of a line", () => {
    const rows = [
      ["nixops-foo.json", "12.4 KiB", "ada@wks"],
      ["a", "1 B", ""],
    ]
    expect(formatTable({ columns, rows, color: false })).toBe(
      ["NAME                 SIZE  BY", "nixops-foo.json  12.4 KiB  ada@wks", "a                     1 B", ""].join(
        "\n",
      ),
    )
  })

  it("aligns wide characters by the columns that they take", () => {
    const table = formatTable({
      columns,
      rows: [
        ["東京.json", "1 B", "x"],
        ["tokyo.json", "1 B", "x"],
      ],
      color: false,
    })
    const [, wide = "", narrow = ""] = table.split("\n")
    expect(displayWidth(wide)).toBe(displayWidth(narrow))
    expect(wide).toBe("東京.json    1 B  x")
  })

  it("colors cells and titles only when asked to, without moving the columns", () => {
    const rows = [[{ text: "ok", color: "green" }, "1 B", "x"]] as const
    const colored = formatTable({ columns, rows, color: true })
    expect(colored).toContain("\u001b[32mok\u001b[39m")
    expect(colored.replace(/\u001b\[\d+m/g, "")).toBe(formatTable({ columns, rows, color: false }))
  })

  it("keeps every row on one line, whatever the cells hold", () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.string({ unit: "binary" }), { maxLength: 3 })), (rows) => {
        const table = formatTable({ columns, rows, color: false })
        expect(table.split("\n")).toHaveLength(rows.length + 2)
        expect(/[\p{Cc}\p{Bidi_Control}]/u.test(table.replaceAll("\n", ""))).toBe(false)
      }),
    )
  })
})

describe("displayWidth", () => {
  it.each([
    ["", 0],
    ["abc", 3],
    ["é", 1],
    ["e\u0301", 1],
    ["漢字", 4],
    ["한글", 4],
    ["👩‍👩‍👧", 2],
    ["❤️", 2],
    ["\u200b", 0],
    ["ｆｕｌｌ", 8],
  ])("%j takes %d columns", (text, width) => {
    expect(displayWidth(text)).toBe(width)
  })
})

it("shows control characters instead of sending them to the terminal", () => {
  expect(printable("a\nb\t\u001b[31mred\u202e")).toBe("a\\nb\\t\\u001b[31mred\\u202e")
})

it.each([
  [0, "0 B"],
  [1023, "1023 B"],
  [1024, "1.0 KiB"],
  [12_700, "12.4 KiB"],
  [1024 * 1024 - 1, "1.0 MiB"],
  [1024 ** 3, "1.0 GiB"],
  [5000 * 1024 ** 4, "5000.0 TiB"],
])("formatSize(%d) is %s", (bytes, text) => {
  expect(formatSize(bytes)).toBe(text)
})

it("shows times in UTC, to the second", () => {
  expect(formatTime("2026-01-21T10:22:03.456Z")).toBe("2026-01-21T10:22:03Z")
})
