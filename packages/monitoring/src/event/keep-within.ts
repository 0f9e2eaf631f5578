import { keepBreadcrumb, type Scope } from '@msc/core'
import { jsonBytes } from '@msc/core/delivery'
import type { Breadcrumb } from '../signals.ts'

/** Bytes of JSON that the breadcrumbs of one unit of work have together: an event with more of them is taken nowhere. */
export const MAX_BREADCRUMBS_BYTES = 200_000

const sizes = new WeakMap<Breadcrumb, number>()
/** At least what the breadcrumbs of a scope weigh: those that left because they were too many are still in it. */
const totals = new WeakMap<Scope, number>()

/**
 * Adds a breadcrumb; beyond `max` of them, or {@link MAX_BREADCRUMBS_BYTES} together, the oldest go. One that is larger
 * by itself is kept without its data, in whose place `[cut]` stands.
 */
export function keepWithin(scope: Scope, given: Breadcrumb, max: number): void {
  const breadcrumb = bytesOf(given) <= MAX_BREADCRUMBS_BYTES ? given : { ...given, data: { '…': '[cut]' } }
  keepBreadcrumb(scope, breadcrumb, max)
  const known = totals.get(scope)
  const total = known === undefined ? Infinity : known + bytesOf(breadcrumb)
  totals.set(scope, total > MAX_BREADCRUMBS_BYTES ? trim(scope) : total)
}

/** Lets the oldest go until the rest fits. Returns what that weighs. */
function trim({ breadcrumbs }: Scope): number {
  let bytes = 0
  for (const [index, breadcrumb] of [...breadcrumbs.entries()].toReversed()) {
    const size = bytesOf(breadcrumb)
    if (bytes + size > MAX_BREADCRUMBS_BYTES) {
      breadcrumbs.splice(0, index + 1)
      break
    }
    bytes += size
  }
  return bytes
}

function bytesOf(breadcrumb: Breadcrumb): number {
  const known = sizes.get(breadcrumb)
  if (known !== undefined) return known
  const size = jsonBytes(breadcrumb)
  sizes.set(breadcrumb, size)
  return size
}
