import type { Flag, Node } from "./tree.ts"

/** A completion script for fish. */
export function fishScript(nodes: readonly Node[]): string {
  return `# alcides completion for fish
function __alcides_path
    set -l path alcides
    for word in (commandline -opc)[2..]
        test "$word" = --; and return 1
        switch "$path $word"
            case ${nodes
              .slice(1)
              .map(({ path }) => quote(path))
              .join(" ")}
                set path "$path $word"
        end
    end
    test "$path" = "$argv[1]"
end

complete -c alcides -f
complete -c alcides -n 'contains -- -- (commandline -opc)' -F
${nodes.map(nodeLines).join("")}`
}

function nodeLines({ path, flags, children, argument }: Node): string {
  const at = `complete -c alcides -n ${quote(`__alcides_path ${quote(path)}`)}`
  return [
    ...children.map(({ name, summary }) => `${at} -a ${quote(name)} -d ${quote(summary)}`),
    ...(argument.kind === "choices" ? [`${at} -a ${quote(argument.choices.join(" "))}`] : []),
    ...flags.map((flag) => `${at} ${flagWords(flag)}`),
  ]
    .map((line) => `${line}\n`)
    .join("")
}

function flagWords({ names, summary, value }: Flag): string {
  const spelled = names.map((name) => (name.startsWith("--") ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`))
  const taken =
    value.kind === "none"
      ? []
      : value.kind === "files"
        ? ["-r -F"]
        : value.kind === "choices"
          ? ["-x", `-a ${quote(value.choices.join(" "))}`]
          : ["-x"]
  return [...spelled, ...taken, `-d ${quote(summary)}`].join(" ")
}

const quote = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", String.raw`\'`)}'`
