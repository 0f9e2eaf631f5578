import { DriverError, getJournal, type Journal } from '@msc/core'
import type { MonitoringDriver, MonitoringEvent } from '../driver.ts'

export interface LocalOptions {
  /** Default: the process's journal. */
  readonly journal?: Journal
  /** One line per error on the console as well. Default false. */
  readonly print?: boolean
}

/** The embedded driver: events go to the journal, where devtools shows them. */
export function local(options: LocalOptions = {}): MonitoringDriver {
  let closed = false
  const open = (): void => {
    if (closed) throw new DriverError('local', 'The driver is closed.', { code: 'DRIVER_CLOSED' })
  }
  return {
    specificationVersion: 1,
    name: 'local',
    async send(events) {
      open()
      const journal = options.journal ?? getJournal()
      for (const event of events) {
        journal.append(toRecord(event))
        if (options.print && event.kind === 'error') console.error(line(event))
      }
    },
    async health() {
      open()
    },
    async close() {
      closed = true
    },
  }
}

function toRecord(event: MonitoringEvent): Parameters<Journal['append']>[0] {
  const { id, kind, timestamp, message, errors, traceId, user, fingerprint, release, ...rest } = event
  return {
    kind,
    ts: timestamp,
    name: kind === 'error' ? `${errors[0]?.name ?? 'Error'}: ${message}` : message,
    fingerprint,
    ...(traceId !== undefined && { traceId }),
    ...(user && { userId: String(user.id) }),
    ...(release !== undefined && { release }),
    payload: { eventId: id, errors, user, ...rest },
  }
}

function line({ id, errors, message, traceId, tags }: MonitoringEvent): string {
  const labels = Object.entries(tags).map(([name, value]) => `${name}=${value}`)
  const where = errors[0]?.stack?.split('\n').find((each) => /^\s*at /.test(each))
  return [
    `[msc/monitoring] ${errors[0]?.name ?? 'Error'}: ${message} (event ${id.slice(0, 8)}${traceId ? `, trace ${traceId}` : ''}${labels.length > 0 ? `, ${labels.join(' ')}` : ''})`,
    ...(where ? [where] : []),
  ].join('\n')
}
