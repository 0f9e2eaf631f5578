import type { Clock } from '@msc/core'
import { read, type OutboxStore } from './kept.ts'

/** Milliseconds for which nobody else sends, unless the claim is given back. */
const CLAIM_MS = 15_000
const BUSY = Symbol('another tab sends')
let claims = 0

/** Runs in one tab at a time under a name: by a lock of the browser, else by a claim in the store that ends by itself. */
export async function alone(
  clock: Clock,
  store: OutboxStore,
  name: string,
  signal: AbortSignal,
  onWait: () => void,
  run: () => Promise<number | undefined>,
): Promise<number | undefined> {
  const locks = (globalThis as { navigator?: { locks?: LockManager } }).navigator?.locks
  if (locks) {
    let began = false
    const begin = (): Promise<number | undefined> => {
      began = true
      return run()
    }
    try {
      const outcome = await locks.request(name, { ifAvailable: true }, (lock) => (lock ? begin() : BUSY))
      if (outcome !== BUSY) return outcome
      onWait()
      return await locks.request(name, { signal }, begin)
    } catch (error) {
      // A frame may have locks that refuse.
      if (began || signal.aborted) throw error
    }
  }
  const held = read(store.getItem(name) ?? '')
  const leftMs = Number(held['until']) - clock.now()
  if (leftMs > 0 && leftMs <= CLAIM_MS) return Math.min(leftMs, 1000)
  const by = `${clock.now()}-${(claims += 1)}-${crypto.getRandomValues(new Uint32Array(1))[0]}`
  // Another may claim it at the same time, or it may last longer: then a message goes twice, and is told once by its id.
  try {
    store.setItem(name, JSON.stringify({ by, until: clock.now() + CLAIM_MS }))
  } catch {
    // The store is full: what would make room is what is to be sent.
  }
  try {
    return await run()
  } finally {
    if (read(store.getItem(name) ?? '')['by'] === by) store.removeItem(name)
  }
}
