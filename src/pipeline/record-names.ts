/** The lock of an effect itself: the same effect of two runs never overlaps. */
export function effectLock(id: string): string {
  return `alcides.effect.${id}`
}

/** The state file that remembers an effect's last commit. */
export function deployedName(id: string): string {
  return `alcides.deployed.${id}.json`
}
