declare const ALCIDES_VERSION: string | undefined

/** The version in package.json; "0.0.0-source" when run from the sources without a build. */
export const version: string = typeof ALCIDES_VERSION === "undefined" ? "0.0.0-source" : ALCIDES_VERSION
