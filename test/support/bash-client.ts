import { spawn } from "node:child_process"
import { once } from "node:events"
import { text } from "node:stream/consumers"

// A client as bash effects written for Hercules CI have one: a file of headers made from the secrets, a name that is put into the URL as
// it is, what the statuses mean to it, and no second try of a put.
const client = String.raw`
set -euo pipefail
jq -r '"Authorization: Bearer \(."hercules-ci".data.token)"' <"$HERCULES_CI_SECRETS_JSON" >"$PWD/headers"
reach=()
if [[ -n "${"$"}{SOCKET:-}" ]]; then reach=(--unix-socket "$SOCKET"); fi

getStateFile() {
  local name=$1 file=${"$"}{2:-$1} status
  while true; do
    status=$(curl --silent --show-error --location "${"$"}{reach[@]}" --max-time 1800 -H "@$PWD/headers" \
      -H "Accept: application/octet-stream" --write-out '%{http_code}' --output "$file" \
      "$HERCULES_CI_API_BASE_URL/api/v1/current-task/state/$name/data")
    case $status in
      200 | 204) return 0 ;;
      408 | 421 | 429 | 5*) sleep "${"$"}{PAUSE:-1}" ;;
      404) echo "state file does not exist." >&2; rm -f "$file"; return 0 ;;
      *) echo "status $status" >&2; exit 1 ;;
    esac
  done
}

putStateFile() {
  local name=$1 file=${"$"}{2:-$1}
  curl --silent --show-error --fail --location "${"$"}{reach[@]}" --max-time 1800 --retry-max-time 86400 --retry-connrefused \
    -XPUT -H "@$PWD/headers" --upload-file "$file" "$HERCULES_CI_API_BASE_URL/api/v1/current-task/state/$name/data"
}
`

export type BashResult = { readonly exit: number | null; readonly stdout: string; readonly stderr: string }

/** Runs a script with `getStateFile` and `putStateFile` at hand. */
export async function runBashEffect(
  script: string,
  { cwd, env }: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
): Promise<BashResult> {
  const child = spawn("bash", ["-c", client + script], {
    cwd,
    env: { PATH: process.env["PATH"] ?? "", HOME: cwd, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  })
  const output = Promise.all([text(child.stdout), text(child.stderr)])
  const [exit] = await once(child, "exit")
  const [stdout, stderr] = await output
  return { exit: typeof exit === "number" ? exit : null, stdout, stderr }
}
