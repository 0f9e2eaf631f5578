import type { Clock } from '@msc/core'
import type { Flight, Flights } from './flights.ts'
import type { OutboxStore } from './store.ts'

/**
 * Renews the leases of what is under way, and calls off what another process may have by now.
 *
 * Intervals are this process's monotonic ones, and count from before the question: a process that was stopped for longer than
 * a lease must not go on as if nothing had been.
 */
export async function renewLeases(
  flights: Flights,
  { store, clock, leaseMs }: { readonly store: OutboxStore; readonly clock: Clock; readonly leaseMs: number },
): Promise<void> {
  const from = clock.monotonic()
  for (const flight of flights.all) if (from - flight.renewedAt > leaseMs) lose(flight)
  const renewable = [...flights.all].filter(({ isLost }) => !isLost)
  if (renewable.length === 0) return
  const kept = new Set(await store.renew(renewable, leaseMs))
  for (const flight of renewable) {
    if (kept.has(flight.id)) flight.renewedAt = from
    // Its outcome may have been stored meanwhile, which ends the claim too.
    else if (flights.all.has(flight)) lose(flight)
  }
}

function lose(flight: Flight): void {
  if (flight.isLost) return
  flight.isLost = true
  flight.controller.abort(new Error('The lease of the entry has ended: another process may deliver it.'))
}
