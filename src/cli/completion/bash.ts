import type { Node, Value } from "./tree.ts"

/** A completion script for bash 3.2 and later, without the bash-completion package. */
export function bashScript(nodes: readonly Node[]): string {
  return `# alcides completion for bash
_alcides() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]}
  local path=alcides word words= flags= i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [[ $word == -- ]]; then
      if ((i == COMP_CWORD - 1)); then _alcides_reply -c; else _alcides_reply -f; fi
      return
    fi
    case "$path $word" in
${nodes
  .slice(1)
  .map(({ path }) => `      ${quote(path)}) path="$path $word" ;;\n`)
  .join("")}    esac
  done
  case "$path $prev" in
${nodes.flatMap(({ path, flags }) => flags.flatMap(({ names, value }) => names.map((name) => valueCase(`${path} ${name}`, value)))).join("")}  esac
  case "$path" in
${nodes.map(nodeCase).join("")}  esac
  if [[ $cur == -* ]]; then _alcides_reply -W "$flags"; else _alcides_reply -W "$words"; fi
}

_alcides_reply() {
  local line
  case $1 in -c | -f) compopt -o filenames 2>/dev/null ;; esac
  while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen "$@" -- "$cur")
}

complete -F _alcides alcides
`
}

function valueCase(label: string, value: Value): string {
  switch (value.kind) {
    case "none":
      return ""
    case "files":
      return `    ${quote(label)}) _alcides_reply -f; return ;;\n`
    case "choices":
      return `    ${quote(label)}) _alcides_reply -W ${quote(value.choices.join(" "))}; return ;;\n`
    case "unknown":
      return `    ${quote(label)}) return ;;\n`
  }
}

function nodeCase({ path, flags, children, argument }: Node): string {
  const words = argument.kind === "choices" ? argument.choices : children.map(({ name }) => name)
  const names = flags.flatMap((flag) => flag.names)
  return `    ${quote(path)}) words=${quote(words.join(" "))} flags=${quote(names.join(" "))} ;;\n`
}

const quote = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`
