import { DriverError, getJournal, type Journal } from '@msc/core'
import type { AnalyticsDriver, FlagResult } from '../driver.ts'
import { evaluateFlag, type FlagDefinitions } from '../flags.ts'

export interface LocalOptions {
  /** Default: the process's journal. */
  readonly journal?: Journal
  readonly flags?: FlagDefinitions
}

/** The embedded driver: events go to the journal, flags come from definitions in code or JSON. */
export function local(options: LocalOptions = {}): AnalyticsDriver {
  let closed = false
  const open = (): void => {
    if (closed) throw new DriverError('local', 'The driver is closed.', { code: 'DRIVER_CLOSED' })
  }
  return {
    specificationVersion: 1,
    name: 'local',
    capabilities: { flags: true },
    async send(events) {
      open()
      const journal = options.journal ?? getJournal()
      for (const { id, event, distinctId, timestamp, properties } of events) {
        const traceId = properties['$trace_id']
        journal.append({
          kind: event === '$feature_flag_called' ? 'exposure' : 'event',
          name: event,
          ts: timestamp,
          userId: distinctId,
          ...(typeof traceId === 'string' && { traceId }),
          payload: { eventId: id, properties },
        })
      }
    },
    async evaluateFlags(query) {
      open()
      const results: Record<string, FlagResult> = {}
      for (const [key, flag] of Object.entries(options.flags ?? {})) results[key] = await evaluateFlag(key, flag, query)
      return results
    },
    async health() {
      open()
    },
    async close() {
      closed = true
    },
  }
}
