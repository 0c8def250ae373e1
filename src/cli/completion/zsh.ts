import type { Node, Value } from "./tree.ts"

/** A completion script for zsh, to be sourced or put on `fpath` as `_alcides`. */
export function zshScript(nodes: readonly Node[]): string {
  return `#compdef alcides
_alcides() {
  local command=alcides word i
  local -a subcommands flags
  for ((i = 2; i < CURRENT; i++)); do
    word=\${words[i]}
    if [[ $word == -- ]]; then
      if ((i == CURRENT - 1)); then _command_names -e; else _files; fi
      return
    fi
    case "$command $word" in
${nodes
  .slice(1)
  .map(({ path }) => `      ${quote(path)}) command="$command $word" ;;\n`)
  .join("")}    esac
  done
  case "$command \${words[CURRENT-1]}" in
${nodes.flatMap(({ path, flags }) => flags.flatMap(({ names, value }) => names.map((name) => valueCase(`${path} ${name}`, value)))).join("")}  esac
  case "$command" in
${nodes.map(nodeCase).join("")}  esac
  if [[ \${words[CURRENT]} == -* ]]; then _describe -o flag flags; else _describe command subcommands; fi
}

if [[ \${funcstack[1]} == _alcides ]]; then _alcides "$@"; else compdef _alcides alcides; fi
`
}

function valueCase(label: string, value: Value): string {
  switch (value.kind) {
    case "none":
      return ""
    case "files":
      return `    ${quote(label)}) _files; return ;;\n`
    case "choices":
      return `    ${quote(label)}) compadd -- ${value.choices.map(quote).join(" ")}; return ;;\n`
    case "unknown":
      return `    ${quote(label)}) _message value; return ;;\n`
  }
}

function nodeCase({ path, flags, children, argument }: Node): string {
  const words =
    argument.kind === "choices"
      ? argument.choices.map(quote)
      : children.map(({ name, summary }) => described(name, summary))
  const names = flags.flatMap((flag) => flag.names.map((name) => described(name, flag.summary)))
  return `    ${quote(path)}) subcommands=(${words.join(" ")}) flags=(${names.join(" ")}) ;;\n`
}

const quote = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`

const described = (name: string, summary: string): string =>
  quote(`${name.replaceAll(":", String.raw`\:`)}:${summary.replaceAll(":", String.raw`\:`)}`)
