import { DriverError } from '@msc/core'
import type { BusRefusal } from '../../bus/frame.ts'
import type { Runtime } from '../runtime.ts'

/** What came over the bus and was not believed. */
export interface Refusals {
  readonly total: number
  count(why: BusRefusal): void
}

const REPORTED: Readonly<
  Record<BusRefusal, { readonly message: string; readonly code: string; readonly hint: string }>
> = {
  unsigned: {
    message: 'Something on the bus is not signed by the secret of this server.',
    code: 'REALTIME_BUS_UNSIGNED',
    hint: 'Give all servers, and each bus that only publishes, the same `jwtSecret`; while it changes, name the other in `busSecrets`. If they have it, somebody else writes to the bus.',
  },
  late: {
    message: 'Something on the bus was sent more than a minute ago, or in the future.',
    code: 'REALTIME_BUS_LATE',
    hint: 'Set the clocks of all servers by NTP. If they are right, somebody else sends again what a server has sent.',
  },
}

/** Each reason is reported once: whoever writes to the bus must not fill the logs. */
export function createRefusals(bus: string, report: Runtime['report']): Refusals {
  const reported = new Set<BusRefusal>()
  let total = 0
  return {
    get total() {
      return total
    },
    count(why) {
      total += 1
      if (reported.has(why)) return
      reported.add(why)
      const { message, code, hint } = REPORTED[why]
      report(new DriverError(bus, message, { code, hint, retryable: false }), 'hear the bus')
    },
  }
}
