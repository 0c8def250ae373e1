import type { ChildProcess } from "node:child_process"

// In milliseconds. What a program has printed is read at once; this is for those that it left behind.
const quiet = 1000

/** Lets go of an ended program's output once nothing more comes: a daemon that it left behind would hold it for ever. */
export function releaseWhenQuiet(child: ChildProcess): void {
  const pipes = [child.stdout, child.stderr].filter((pipe) => pipe !== null)
  child.once("exit", () => {
    const timer = setTimeout(() => {
      for (const pipe of pipes) pipe.destroy()
    }, quiet)
    for (const pipe of pipes) {
      pipe.on("data", () => timer.refresh())
      pipe.once("close", () => {
        if (pipes.every(({ closed }) => closed)) clearTimeout(timer)
      })
    }
  })
}
