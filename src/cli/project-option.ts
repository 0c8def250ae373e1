import { Option } from "@commander-js/extra-typings"

/** `--project`, with Hercules CI's meaning. `resolveProject` finds the project without it. */
export const projectOption = () =>
  new Option(
    "--project <site/owner/repo>",
    "whose state and locks, such as github/neat-org/neat-repo (default: the CI's repository, else git's remote)",
  )
