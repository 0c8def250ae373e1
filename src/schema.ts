// The small build of zod says "Invalid input" to everything, unless it is told a language; classic zod sets English in the same way.
import { config } from "zod/mini"
import english from "zod/v4/locales/en.js"

if (config().localeError === undefined) config(english())

export * from "zod/mini"
