/** The lock of an effect itself: the same effect of two runs never overlaps. */
export function effectLock(id: string): string {
  return `alcides.effect.${id}`
}

/** Whether a state file is one of Alcides' own records, which hold no secret and stay in clear. */
export function isOwnRecord(name: string): boolean {
  return /^alcides\.(deployed|schedule)\./.test(name)
}

/** The state file that remembers a scheduled job's last moment. */
export function scheduleName(job: string): string {
  return `alcides.schedule.${job}.json`
}

/** The state file that remembers an effect's last commit. */
export function deployedName(id: string): string {
  return `alcides.deployed.${id}.json`
}
