type Page = { readonly addEventListener?: typeof addEventListener }

/** Listens to events of the page, where there is one, until the signal ends. */
export function onPage(events: readonly string[], listener: () => void, signal: AbortSignal): void {
  for (const event of events) (globalThis as Page).addEventListener?.(event, listener, { signal })
}
