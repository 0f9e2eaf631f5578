/** Listens to events of the page, where there is one, until the signal ends. */
export function onPage(events: readonly string[], listener: () => void, signal: AbortSignal): void {
  const page = globalThis as { addEventListener?: typeof addEventListener }
  for (const event of events) page.addEventListener?.(event, listener, { signal })
}
