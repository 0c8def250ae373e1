import type { ExitCode } from "../errors.ts"
import type { Prepared } from "../pipeline/prepare.ts"
import type { EffectReport } from "../pipeline/run-one.ts"
import type { RunReport } from "../pipeline/run.ts"
import { formatProject } from "../state/names.ts"
import { hasColor, type Color } from "./color.ts"
import { failureOf } from "./errors.ts"
import type { Io } from "./io.ts"
import { formatTable } from "./table.ts"

const colors: Readonly<Record<EffectReport["status"], Color>> = {
  succeeded: "green",
  failed: "red",
  superseded: "yellow",
  skipped: "yellow",
  "not run": "dim",
}

/** The table that a run ends in. */
export function formatReport(io: Io, { effects }: RunReport): string {
  return formatTable({
    color: hasColor(io, io.stdout),
    columns: [
      { title: "effect" },
      { title: "result" },
      { title: "time", align: "right" },
      { title: "state" },
      { title: "why" },
    ],
    rows: effects.map(({ id, status, ms, state, because }) => [
      id,
      { text: status, color: colors[status] },
      status === "not run" || status === "skipped" ? "" : duration(ms),
      state.map(stateText).join(", "),
      because,
    ]),
  })
}

/** The report for machines. */
export function reportJson(
  { detected, store, file }: Prepared,
  { builds, effects, ended }: RunReport,
  exit: ExitCode,
): object {
  return {
    file,
    project: formatProject(store.project),
    store: store.url,
    repo: detected.repo,
    builds,
    effects: effects.map(({ error, ...report }) => ({
      ...report,
      ...(error !== undefined && { error: failureOf(error) }),
    })),
    ...(ended !== undefined && { ended: failureOf(ended) }),
    exit,
  }
}

export function stateText({ name, from, to, kept }: EffectReport["state"][number]): string {
  if (kept !== undefined) return `${name} NOT PUT`
  return from === to ? `${name} unchanged` : `${name} ${from === "absent" ? "created" : `${from} → ${to}`}`
}

export function duration(ms: number): string {
  if (ms < 1000) return `${ms} ms`
  const seconds = ms / 1000
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  return `${Math.floor(whole / 60)} min ${whole % 60} s`
}
