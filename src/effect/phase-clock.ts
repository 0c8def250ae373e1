import type { PhaseName } from "./effect.ts"

export type PhaseReport = {
  readonly name: PhaseName
  readonly outcome: "done" | "warned" | "failed"
  readonly ms: number
}

/** Times the phases of one effect. */
export type PhaseClock = {
  /** Of the phases that have ended, in their order. */
  readonly reports: readonly PhaseReport[]
  time(name: PhaseName, work: () => Promise<void>): Promise<void>
}

/** `onPhase` is told when a phase begins. */
export function createPhaseClock(onPhase: ((phase: PhaseName) => void) | undefined): PhaseClock {
  const reports: PhaseReport[] = []
  return {
    reports,
    async time(name, work) {
      onPhase?.(name)
      const began = performance.now()
      const report = (outcome: PhaseReport["outcome"]): void => {
        reports.push({ name, outcome, ms: Math.round(performance.now() - began) })
      }
      try {
        await work()
        report("done")
      } catch (error) {
        report(name === "priorCheck" ? "warned" : "failed")
        throw error
      }
    },
  }
}
