/** Returns `given` or the page's `localStorage`; `undefined` when there is none or it is switched off. */
export function pageStorage(given: Storage | undefined): Storage | undefined {
  if (given) return given
  // Node has a `localStorage` too, which all visitors of a server would share.
  if (typeof document === 'undefined') return undefined
  try {
    return localStorage
  } catch {
    // Reading the property throws when the visitor has switched storage off.
    return undefined
  }
}
