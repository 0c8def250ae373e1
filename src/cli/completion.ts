import { Argument, Command, type CommandUnknownOpts } from "@commander-js/extra-typings"
import { bashScript } from "./completion/bash.ts"
import { fishScript } from "./completion/fish.ts"
import { nodesOf } from "./completion/tree.ts"
import { zshScript } from "./completion/zsh.ts"
import { examples } from "./help.ts"
import type { Io } from "./io.ts"

const shells = { bash: bashScript, zsh: zshScript, fish: fishScript } as const

/** `alcides completion`: a script made from the command tree itself, which `loadTree` gives whole. */
export function completionCommand(io: Io, loadTree: () => Promise<CommandUnknownOpts>) {
  return new Command("completion")
    .description("Print a completion script for your shell.")
    .addArgument(new Argument("<shell>", "which shell").choices(["bash", "zsh", "fish"] as const))
    .addHelpText(
      "after",
      examples(
        'eval "$(alcides completion bash)"',
        "source <(alcides completion zsh)",
        "alcides completion fish > ~/.config/fish/completions/alcides.fish",
      ),
    )
    .action(async (shell) => {
      io.stdout.write(shells[shell](nodesOf(await loadTree())))
    })
}
