export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** The `data` of one granted secret. */
export type SecretData = { readonly [field: string]: Json }

/** A short-lived token for the effect's own repository, as the CI provides it. */
export type GitTokenReference = { readonly type: "GitToken" }

/** Under which name an effect sees which secret of `secrets.json`. */
export type SecretsMap = Readonly<Record<string, string | GitTokenReference>>
