import type { Plan, PlannedEffect, PlannedLock, PlannedSecret, PlannedState } from "../pipeline/plan.ts"
import { hasColor, paint, type Color } from "./color.ts"
import type { Io } from "./io.ts"

type Painter = (text: string, color: Color) => string

/** A plan for people: what decides first, then a block for each effect. */
export function formatPlan(io: Io, plan: Plan): string {
  const color = hasColor(io, io.stdout)
  const p: Painter = (text, wanted) => (color ? paint(text, wanted) : text)
  const { repo, origin, effects, builds, schedules } = plan
  const running = effects.filter(
    ({ runs, fails, superseded, skipped }) =>
      runs && fails === undefined && superseded === undefined && skipped === undefined,
  ).length
  const lines = [
    `${p(plan.project, "bold")}`,
    field("ref", `${repo.ref ?? "unknown"} (${said(origin.ref)})`),
    field("rev", `${repo.rev ?? "unknown"} (${said(origin.rev)})`),
    field(
      "default",
      `${repo.defaultBranch ?? "unknown"} (${said(origin.defaultBranch)}), this ref: ${answer(repo.isDefaultBranch)}`,
    ),
    field("store", plan.store),
    field("secrets", plan.secretsFile),
    "",
    ...effects.flatMap((effect) => [...formatEffect(effect, p), ""]),
    ...(schedules.length === 0
      ? []
      : [`scheduled, and not part of this run: ${schedules.map(({ name, when }) => `${name} (${when})`).join("; ")}`]),
    `${count(builds.length, "build")} first; then ${count(running, "effect")} of ${effects.length}.`,
  ]
  return `${lines.join("\n")}\n`
}

function formatEffect(
  { id, name, runs, because, fails, superseded, skipped, builds, secrets, state, locks, after }: PlannedEffect,
  p: Painter,
): string[] {
  const outcome = !runs
    ? p("does not run", "yellow")
    : fails !== undefined
      ? p("would fail", "red")
      : superseded !== undefined
        ? p("would be superseded", "yellow")
        : skipped !== undefined
          ? p("would be skipped", "yellow")
          : p("runs", "green")
  return [
    `${p(id, "bold")}${name === id ? "" : ` (${name})`}: ${outcome}`,
    field("because", because),
    ...(superseded === undefined ? [] : [field("newer", p(superseded, "yellow"))]),
    ...(skipped === undefined ? [] : [field("skipped", p(skipped, "yellow"))]),
    ...(runs && fails !== undefined ? [field("fails", p(fails, "red"))] : []),
    ...list("builds", builds),
    ...list(
      "secrets",
      secrets.map((secret) => formatSecret(secret, p)),
    ),
    ...list(
      "state",
      state.map((file) => formatState(file, p)),
    ),
    ...list(
      "locks",
      locks.map((lock) => formatLock(lock, p)),
    ),
    ...list("after", after),
  ]
}

function formatSecret({ name, secret, granted, because }: PlannedSecret, p: Painter): string {
  return `${name} = ${secret}: ${granted ? p("granted", "green") : p("denied", "red")}, ${because}`
}

function formatState({ name, access, version, means }: PlannedState, p: Painter): string {
  const what =
    version === "absent" ? p(`absent${means === undefined ? "" : `: ${means}`}`, "yellow") : `version ${version}`
  return `${name}: ${what}${access === "read" ? ", only read" : ""}`
}

function formatLock({ name, shared, heldBy }: PlannedLock, p: Painter): string {
  return `${name}${shared ? " (shared)" : ""}${heldBy === undefined ? "" : p(`, held by ${heldBy}`, "yellow")}`
}

function list(title: string, items: readonly string[]): string[] {
  return items.map((item, index) => field(index === 0 ? title : "", item))
}

function field(title: string, value: string): string {
  return `  ${title.padEnd(8)} ${value}`
}

function said(origin: string): string {
  return origin === "nobody" ? "nobody says" : `from ${origin === "flag" ? "a flag" : origin}`
}

function answer(value: boolean | "unknown"): string {
  return value === "unknown" ? "unknown" : value ? "yes" : "no"
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`
}
