import { inspect } from "node:util"

/** A value that must not be shown. Printing, interpolating, inspecting or serialising it gives `***`; only `reveal()` reads it. */
export class Secret<T = string> {
  readonly #value: T

  constructor(value: T) {
    this.#value = value
  }

  /** The value itself, for the one place that hands it on (a 0600 file, standard input). */
  reveal(): T {
    return this.#value
  }

  toString(): string {
    return "***"
  }

  toJSON(): string {
    return "***"
  }

  [inspect.custom](): string {
    return "Secret(***)"
  }
}
