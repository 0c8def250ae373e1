#!/usr/bin/env node
import { version } from "../version.ts"
import { keepCompiled } from "./compile-cache.ts"

const args = process.argv.slice(2)

// The answer that needs nothing else is given without loading anything else.
if (args.length === 1 && (args[0] === "--version" || args[0] === "-V")) process.stdout.write(`${version}\n`)
else {
  keepCompiled(process.env)
  void import("./start.ts").then(({ start }) => start(args))
}
