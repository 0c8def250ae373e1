/** What is at hand while a build's expression is made. */
export type BuildContext = {
  /** Absolute path of a program on PATH, links resolved; `undefined` when it is not there. */
  findProgram(name: string): Promise<string | undefined>
  /** The environment that Nix will have. */
  readonly env: Readonly<Record<string, string>>
}

/** Something that must build before any effect runs. Evaluated and built with the `nix` on PATH. */
export type Build =
  | {
      readonly type: "flake"
      /** A flake reference with an attribute: `.#hello`, `path:./network#machine`. */
      readonly installable: string
    }
  | {
      readonly type: "file"
      /** A Nix file, relative to the effect's `src`. */
      readonly file: string
      readonly attribute?: string
    }
  | {
      readonly type: "expression"
      /** What people call it, such as `network foo`. */
      readonly label: string
      /** A Nix expression, or a function that makes it when the build begins. */
      readonly expression: string | ((context: BuildContext) => Promise<string>)
      /** The files whose mistakes this build would show, absolute. */
      readonly files?: readonly string[]
      /** The value of NIX_PATH, or a function that makes it. */
      readonly nixPath?: string | ((context: BuildContext) => Promise<string>)
    }

/** A build, and the folder that its relative paths start from. */
export type BuildRequest = {
  readonly build: Build
  /** Absolute. */
  readonly src: string
}

/** What people call a build: `.#hello`, `default.nix -A machine`, `network foo`. */
export function buildLabel(build: Build): string {
  switch (build.type) {
    case "flake":
      return build.installable
    case "file":
      return build.attribute === undefined ? build.file : `${build.file} -A ${build.attribute}`
    case "expression":
      return build.label
  }
}
