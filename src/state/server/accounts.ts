import type { SimpleAccount } from "../hercules/api.ts"
import type { Project } from "../store.ts"
import { idOf } from "./projects.ts"

const noImage = ""

/** Whoever wrote or holds something, as a user of the project's site. */
export function userOf(by: string, { site }: Project): SimpleAccount {
  return simpleAccount({ name: by, typ: "User", site })
}

/** The owner of a project. */
export function ownerOf({ site, owner }: Project): SimpleAccount {
  return simpleAccount({ name: accountName(owner), typ: "Organization", site })
}

/** The same account with all that Hercules CI tells of one. */
export function fullAccount({ id, name, displayName, typ, imageURL, site }: SimpleAccount) {
  return {
    id,
    sourceHostingSiteSlug: site.name,
    slug: name,
    typ,
    displayName,
    imageURL,
    organization: null,
    isInstalled: false,
    isInstallable: false,
    membershipRole: null,
    sourceHostingSites: null,
  }
}

/** An owner as a URL piece decodes to: a subgroup's slash is written `%2F` in a project only. */
export function accountName(owner: string): string {
  return owner.replaceAll("%2F", "/")
}

function simpleAccount({
  name,
  typ,
  site,
}: {
  readonly name: string
  readonly typ: "User" | "Organization"
  readonly site: string
}): SimpleAccount {
  return {
    id: idOf("account", `${site}/${name}`),
    name,
    displayName: name,
    typ,
    imageURL: noImage,
    site: { id: idOf("site", site), name: site, displayName: site },
  }
}
