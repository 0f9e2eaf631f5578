import { persist, report, type Box } from '../box.ts'
import type { Entry } from '../entry.ts'
import { empty, held, land, putBack, waiting } from '../queue/queue.ts'

/** Passes all queued and in-flight items to `sendSync`. A batch for which it throws stays in the outbox. */
export function lastWords<T>(box: Box<T>): void {
  const { sendSync } = box.options
  if (!sendSync || isClosed(box) || box.isWritingLastWords || held(box.queue) === 0) return
  box.isWritingLastWords = true
  const failures: unknown[] = []
  for (const entries of inBatches(box, [...(box.flight?.entries ?? []), ...waiting(box.queue)])) {
    try {
      sendSync(entries.map(({ item }) => item))
    } catch (error) {
      failures.push(error)
      continue
    }
    // The sink may have closed the outbox, which drops all items.
    if (isClosed(box)) break
    handedOver(box, new Set(entries.map(({ order }) => order)))
  }
  box.isWritingLastWords = false
  if (box.stored && !isClosed(box)) persist(box)
  // Reported once the state is consistent, because the reporter may use the outbox.
  for (const error of failures) report(box, error, 'last words')
  box.step()
}

function isClosed<T>({ phase }: Box<T>): boolean {
  return phase === 'closed'
}

/**
 * Counts written entries as delivered, and removes them from the flight, so that a later answer does not count them again.
 * They are identified by their order, because an entry may have been replaced by a new one meanwhile.
 */
function handedOver<T>(box: Box<T>, orders: ReadonlySet<number>): void {
  const { flight, queue, counts } = box
  const isDone = ({ order }: Entry<T>): boolean => orders.has(order)
  const onWire = flight?.entries.filter(isDone) ?? []
  const queued = empty(queue)
  if (flight) flight.entries = flight.entries.filter((entry) => !isDone(entry))
  land(queue, onWire)
  putBack(
    queue,
    queued.filter((entry) => !isDone(entry)),
  )
  counts.delivered += onWire.length + queued.filter(isDone).length
}

function inBatches<T>({ options }: Box<T>, entries: readonly Entry<T>[]): Entry<T>[][] {
  const { maxItems, maxBytes } = options.limits
  const batches: Entry<T>[][] = []
  let bytes = Infinity
  for (const entry of entries) {
    let batch = batches.at(-1)
    if (!batch || batch.length >= maxItems || bytes + entry.bytes > maxBytes) {
      batch = []
      batches.push(batch)
      bytes = 0
    }
    batch.push(entry)
    bytes += entry.bytes
  }
  return batches
}
