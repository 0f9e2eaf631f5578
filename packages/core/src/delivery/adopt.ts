import { runReported } from '../errors/failures.ts'
import { countDrop, labelOf, persist, type Box } from './box.ts'
import { noteArrival } from './delivering.ts'
import type { ItemLabel } from './outbox-types.ts'
import { addBefore, waiting } from './queue/queue.ts'

/** Takes the items that an earlier life of the page or process left in the store. */
export function restoreFromStore<T>(box: Box<T>): void {
  const { store, concern, driver, onError } = box.options
  runReported(async () => adopt(box, (await store?.take()) ?? []), { concern, driver, operation: 'store' }, onError)
}

/** Queues the restored items before everything that was pushed since. */
function adopt<T>(box: Box<T>, taken: readonly (T | undefined)[]): void {
  if (taken.length === 0) return
  const items = taken.filter((item) => item !== undefined)
  countDrop(box, 'unknown', taken.length - items.length, 'unreadable', 'A stored item could not be read.')
  if (box.phase === 'closed') {
    // The items have left the store, but a closed outbox sends nothing: put them back for the next life.
    if (items.length > 0) box.options.store?.keep(items)
    return
  }
  const { fresh, tooLarge, unreadable } = sift(box, items)
  const noRoom = addBefore(box.queue, fresh)
  box.counts.accepted += fresh.length - noRoom.length
  if (fresh.length > noRoom.length) noteArrival(box)
  countDrop(box, 'unknown', unreadable, 'unreadable')
  for (const { kind } of tooLarge) countDrop(box, kind, 1, 'too large')
  for (const { kind } of noRoom) countDrop(box, kind, 1, 'queue full')
  persist(box)
  box.step()
}

interface Sifted<T> {
  readonly fresh: { readonly item: T; readonly label: ItemLabel }[]
  readonly tooLarge: ItemLabel[]
  unreadable: number
}

/** Leaves out items whose id is already in the outbox. */
function sift<T>(box: Box<T>, items: readonly T[]): Sifted<T> {
  const known = new Set([...(box.flight?.entries ?? []), ...waiting(box.queue)].map(({ id }) => id))
  const sifted: Sifted<T> = { fresh: [], tooLarge: [], unreadable: 0 }
  for (const item of items) {
    const label = labelOf(box, item)
    if (!label) sifted.unreadable += 1
    else if (known.has(label.id)) continue
    else if (label.bytes > box.options.limits.maxItemBytes) sifted.tooLarge.push(label)
    else sifted.fresh.push({ item, label })
    if (label) known.add(label.id)
  }
  return sifted
}
