export { aboutPath, readAbout, type KeptAbout } from "./kept/about.ts"
export { keepFile, type Keep } from "./kept/keep.ts"
export { keptFileAt, keptIn, listKept, sweepKept, type Kept } from "./kept/list.ts"
export { keptFolderOf, keptHome } from "./kept/place.ts"
