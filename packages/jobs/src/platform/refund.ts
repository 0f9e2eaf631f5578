import { deadline, type Clock } from '@msc/core'
import type { PlatformPorts } from './ports.ts'

const TIMEOUT_MS = 30_000

type Billing = Pick<PlatformPorts['billing'], 'refund'>

/** Gives a charge back, within 30 seconds. A rollback that fails is tried again, with the same key. */
export function refund(
  billing: Billing,
  charge: Parameters<Billing['refund']>[0],
  options: { readonly clock?: Clock } = {},
): ReturnType<Billing['refund']> {
  return deadline((signal) => billing.refund(charge, { key: `refund:${charge.id}`, signal }), {
    operation: '[msc/jobs] refund',
    timeoutMs: TIMEOUT_MS,
    ...options,
  })
}
