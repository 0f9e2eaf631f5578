/** The page's `localStorage`, or the one that was given; `undefined` where there is none, or where it is switched off. */
export function pageStorage(given: Storage | undefined): Storage | undefined {
  if (given) return given
  // Node has a `localStorage` too, which would be shared by all visitors.
  if (typeof document === 'undefined') return undefined
  try {
    return localStorage
  } catch {
    // Switched off: the visitor's choice.
    return undefined
  }
}
