export { testEffect, type TestEffectOptions, type TestEffectResult } from "./test-effect.ts"
export { testRepo } from "./test-repo.ts"
export { fakeProgram, type FakeProgram } from "./fake-program.ts"
