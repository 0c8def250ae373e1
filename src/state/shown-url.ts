/** A store URL as messages may show it: without user, password, query and fragment, whatever else is wrong with it. */
export function shownUrl(url: string): string {
  // A password may have any of these characters: what is before the last @ goes first.
  return url.replace(/(:?\/\/|:).*@/s, "$1***@").replace(/([?#]).*$/s, "$1…")
}
