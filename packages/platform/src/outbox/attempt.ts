import { anySignal, startOperation, withCarrier, withoutScope, type ServiceKit } from '@msc/core'
import type { Flight, Flights } from './flights.ts'
import type { Deliver, OutboxEntry } from './outbox.ts'
import { carrierOf, type ClaimedEntry } from './store.ts'
import { CALLED_OFF, DELIVERED, verdictOf, type Outcome } from './verdict.ts'

export interface AttemptContext {
  readonly deliver: ReadonlyMap<string, Deliver>
  readonly timeoutMs: number
  readonly random: () => number
  readonly report: ServiceKit<'outbox'>['report']
  readonly inTime: ServiceKit<'outbox'>['inTime']
}

/** The attempt that is reported too, besides the one that parks an entry: it has failed for half a minute. */
const REPORTED_ATTEMPT = 6

/** Delivers an entry once, in its trace and as a unit of work of its own. Never rejects. */
export async function attempt(
  context: AttemptContext & { readonly flights: Flights },
  flight: Flight,
  isStopped: () => boolean,
): Promise<Outcome> {
  const { deliver, inTime, timeoutMs, random, report } = context
  const { entry, controller } = flight
  const { id, kind, attempts } = entry
  return withoutScope(() =>
    withCarrier(carrierOf(entry), async () => {
      const operation = startOperation('outbox.deliver')
      const send = deliver.get(kind) as Deliver
      let sending: Promise<unknown> | undefined
      let isSettled = false
      const begin = (signal: AbortSignal): Promise<unknown> => {
        sending = Promise.resolve(operation.run(() => send(entryOf(entry), { signal, attempt: attempts })))
        const settled = (): void => void (isSettled = true)
        sending.then(settled, settled)
        return sending
      }
      try {
        await inTime(`deliver ${kind}`, timeoutMs, begin, anySignal(controller.signal))
        operation.end({ id, kind, attempt: attempts, outcome: 'delivered' })
        return DELIVERED
      } catch (error) {
        if (sending && !isSettled) context.flights.abandon(kind, sending)
        const calledOff = controller.signal.aborted && isStopped()
        const outcome = calledOff ? CALLED_OFF : verdictOf(error, attempts, random)
        operation.end({ id, kind, attempt: attempts, outcome: outcome.state === 'parked' ? 'parked' : 'failed' })
        if (!flight.isLost && (outcome.state === 'parked' || (outcome.counts && attempts === REPORTED_ATTEMPT))) {
          report(error, 'deliver', { id, kind, attempt: attempts })
        }
        return outcome
      }
    }),
  )
}

function entryOf({ id, kind, payload, grp, created_ms: createdAt }: ClaimedEntry): OutboxEntry {
  return { id, kind, payload, createdAt, ...(grp !== null && { group: grp }) }
}
