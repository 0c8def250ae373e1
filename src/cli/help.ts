/** The examples that end a command's help: for `addHelpText("after", …)`. */
export function examples(...lines: readonly string[]): string {
  return ["", "Examples:", ...lines.map((line) => `  $ ${line}`)].join("\n")
}
