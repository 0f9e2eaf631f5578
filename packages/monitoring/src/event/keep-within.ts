import { keepBreadcrumb, type Scope } from '@msc/core'
import { jsonBytes } from '@msc/core/delivery'
import type { Breadcrumb } from '../signals.ts'

/** The bytes of JSON that the breadcrumbs of one unit of work may have in total: backends refuse larger events. */
export const MAX_BREADCRUMBS_BYTES = 200_000

const sizes = new WeakMap<Breadcrumb, number>()
/** An upper bound on the bytes of a scope's breadcrumbs: it still includes those that were dropped for their number. */
const totals = new WeakMap<Scope, number>()

/**
 * Adds a breadcrumb. Beyond `max` of them, or {@link MAX_BREADCRUMBS_BYTES} in total, the oldest are dropped. The data of a
 * single breadcrumb that is larger than that is replaced by `[cut]`.
 */
export function keepWithin(scope: Scope, given: Breadcrumb, max: number): void {
  const breadcrumb = bytesOf(given) <= MAX_BREADCRUMBS_BYTES ? given : { ...given, data: { '…': '[cut]' } }
  keepBreadcrumb(scope, breadcrumb, max)
  const known = totals.get(scope)
  const total = known === undefined ? Infinity : known + bytesOf(breadcrumb)
  totals.set(scope, total > MAX_BREADCRUMBS_BYTES ? trim(scope) : total)
}

/** Drops the oldest breadcrumbs until the rest fits. Returns the size of the rest. */
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
