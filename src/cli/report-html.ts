import { writeFile } from "node:fs/promises"
import type { ExitCode } from "../errors.ts"
import type { Prepared } from "../pipeline/prepare.ts"
import type { EffectReport } from "../pipeline/run-one.ts"
import type { RunReport } from "../pipeline/run.ts"
import { formatProject } from "../state/names.ts"
import type { Io } from "./io.ts"
import { duration, stateText } from "./report-text.ts"

export type ReportOptions = {
  readonly io: Pick<Io, "redactor">
  readonly prepared: Prepared
  readonly report: RunReport
  readonly exit: ExitCode
}

/** Writes the report as one page that needs nothing else: no scripts, no fonts, no network. */
export async function writeReport(path: string, options: ReportOptions): Promise<void> {
  await writeFile(path, page(options), { mode: 0o600 })
}

type Show = (text: string) => string

function page({ io, prepared, report, exit }: ReportOptions): string {
  // Masked first: once `&` is `&amp;`, a secret is no longer what the redactor looks for.
  const show: Show = (text) => escape(io.redactor.redact(text))
  const { repo, writer } = prepared.detected
  const project = formatProject(prepared.store.project)
  const facts: readonly (readonly [string, string | null])[] = [
    ["Ref", repo.ref],
    ["Commit", repo.rev],
    ["Run by", writer.by],
    ["Run", writer.runUrl ?? null],
    ["Store", prepared.store.url],
    ["Prebuilt", `${report.builds} ${report.builds === 1 ? "derivation" : "derivations"}`],
    ["Exit code", String(exit)],
  ]
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${show(project)}: ${exit === 0 ? "done" : "failed"}</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>${show(project)} <span class="${exit === 0 ? "succeeded" : "failed"}">${exit === 0 ? "done" : "failed"}</span></h1>
<dl>
${facts.flatMap(([name, value]) => (value === null ? [] : [`<dt>${name}</dt><dd>${show(value)}</dd>`])).join("\n")}
</dl>
${report.effects.map((effect) => section(effect, show)).join("\n")}
</main>
</body>
</html>
`
}

function section({ id, status, because, ms, phases, state, error }: EffectReport, show: Show): string {
  const slowest = Math.max(1, ...phases.map((phase) => phase.ms))
  return `<section>
<h2>${show(id)} <span class="${status.replace(" ", "-")}">${status}</span>${ms > 0 ? ` <small>${duration(ms)}</small>` : ""}</h2>
${because === "" ? "" : `<p>${show(because)}</p>`}
${error?.hint === undefined ? "" : `<p class="hint">${show(error.hint)}</p>`}
${error?.detail === undefined ? "" : `<pre>${show(error.detail)}</pre>`}
${
  phases.length === 0
    ? ""
    : `<table><thead><tr><th>Phase</th><th>Result</th><th>Time</th><th></th></tr></thead><tbody>
${phases.map((phase) => `<tr><td>${phase.name}</td><td class="${phase.outcome}">${phase.outcome}</td><td class="number">${duration(phase.ms)}</td><td class="wide"><i style="width:${Math.round((100 * phase.ms) / slowest)}%"></i></td></tr>`).join("\n")}
</tbody></table>`
}
${state.length === 0 ? "" : `<ul>${state.map((change) => `<li>${show(stateText(change))}${change.kept === undefined ? "" : `, kept in <code>${show(change.kept)}</code>`}</li>`).join("")}</ul>`}
</section>`
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
}

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? character)
}

const style = `
:root { color-scheme: light dark; --good: #1a7f37; --bad: #cf222e; --meh: #9a6700; --line: #8884; }
@media (prefers-color-scheme: dark) { :root { --good: #3fb950; --bad: #f85149; --meh: #d29922; } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 52rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin: 0; }
h1 span, h2 span { font-size: .8em; font-weight: 600; }
section { border-top: 1px solid var(--line); padding: 1rem 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; } dt { opacity: .7; } dd { margin: 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; margin-top: .6rem; } th { text-align: left; font-weight: 500; opacity: .7; } td, th { padding: .15rem .8rem .15rem 0; }
.number { text-align: right; font-variant-numeric: tabular-nums; } .wide { width: 50%; } .wide i { display: block; height: .6rem; min-width: 1px; background: currentColor; opacity: .35; border-radius: 2px; }
.succeeded, .done { color: var(--good); } .failed { color: var(--bad); } .superseded, .skipped, .warned, .not-run { color: var(--meh); }
pre { overflow-x: auto; padding: .8rem; border: 1px solid var(--line); border-radius: 6px; } .hint { opacity: .8; } .hint::before { content: "Hint: "; font-weight: 600; }
`
