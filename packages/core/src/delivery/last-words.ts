import { persist, report, type Box } from './box.ts'
import type { Entry } from './entry.ts'
import { empty, held, land, putBack, waiting } from './queue.ts'

/** Hands all that is queued or on the wire to `sendSync`. What it throws leaves the rest where it was. */
export function lastWords<T>(box: Box<T>): void {
  const { sendSync } = box.options
  if (!sendSync || isClosed(box) || box.speaking || held(box.queue) === 0) return
  box.speaking = true
  for (const entries of inBatches(box, [...(box.flight?.entries ?? []), ...waiting(box.queue)])) {
    // Whoever hears of a failure may have closed the outbox, and then all of it has been dropped.
    if (isClosed(box)) break
    try {
      sendSync(entries.map(({ item }) => item))
    } catch (error) {
      report(box, error, 'last words')
      continue
    }
    if (!isClosed(box)) handedOver(box, new Set(entries))
  }
  box.speaking = false
  if (box.stored) persist(box)
  box.step()
}

function isClosed<T>({ phase }: Box<T>): boolean {
  return phase === 'closed'
}

/** What was handed over is delivered; an answer that comes for it later finds nobody. */
function handedOver<T>(box: Box<T>, entries: ReadonlySet<Entry<T>>): void {
  const { flight, queue, counts } = box
  if (flight) {
    land(
      queue,
      flight.entries.filter((entry) => entries.has(entry)),
    )
    flight.entries = flight.entries.filter((entry) => !entries.has(entry))
  }
  putBack(
    queue,
    empty(queue).filter((entry) => !entries.has(entry)),
  )
  counts.delivered += entries.size
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
