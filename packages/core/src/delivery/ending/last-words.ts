import { persist, report, type Box } from '../box.ts'
import type { Entry } from '../entry.ts'
import { empty, held, land, putBack, waiting } from '../queue/queue.ts'

/** Hands all that is queued or on the wire to `sendSync`. What it throws leaves the rest where it was. */
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
    // The sink may have closed the outbox, and then all of it has been dropped.
    if (isClosed(box)) break
    handedOver(box, new Set(entries.map(({ order }) => order)))
  }
  box.isWritingLastWords = false
  if (box.stored && !isClosed(box)) persist(box)
  // Told when all is in its place: whoever hears of it may use the outbox.
  for (const error of failures) report(box, error, 'last words')
  box.step()
}

function isClosed<T>({ phase }: Box<T>): boolean {
  return phase === 'closed'
}

/**
 * What was handed over is delivered; an answer that comes for it later finds nobody. Known by its place, since an entry
 * may have been made anew meanwhile.
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
