import { DriverError, getJournal, type Journal } from '@msc/core'
import { writeEach, type Receipt } from '@msc/core/delivery'
import type { AnalyticsDriver, FlagSource } from '../driver.ts'
import { evaluateDefinition, type FlagDefinitions } from '../flags/definitions.ts'
import type { Envelope, Evaluation } from '../messages.ts'
import { toRecord } from '../recording/to-record.ts'
import { ALL_KINDS } from './kinds.ts'

export interface LocalOptions {
  /** Default: the process's journal. */
  readonly journal?: Journal
}

/** Envelopes are cut by the redaction already; a journal takes any number. */
const LIMITS = { maxItems: 500, maxBytes: 4_000_000, maxItemBytes: 1_000_000 }
/** Ids that are remembered, so that what is sent again, after last words or by a webhook, is kept once. */
const MAX_REMEMBERED = 10_000

/** The embedded driver: messages go to the journal, where devtools shows them. */
export function local(options: LocalOptions = {}): AnalyticsDriver {
  const kept = new Set<string>()
  let closed = false
  const open = (): void => {
    if (closed) throw new DriverError('local', 'The driver is closed.', { code: 'DRIVER_CLOSED' })
  }
  const write = (envelopes: readonly Envelope[]): Receipt => {
    const journal = options.journal ?? getJournal()
    const { written, rejected } = writeEach(envelopes, toRecord)
    for (const { item: envelope, as: record } of written) {
      if (kept.has(envelope.id)) continue
      journal.append(record)
      remember(kept, envelope.id)
    }
    return { rejected }
  }
  return {
    specificationVersion: 1,
    name: 'local',
    capabilities: { kinds: ALL_KINDS, limits: LIMITS },
    async send(envelopes) {
      open()
      return write(envelopes)
    },
    sendSync(envelopes) {
      open()
      write(envelopes)
      const journal = options.journal ?? getJournal()
      journal.flushSync?.()
    },
    async health() {
      open()
    },
    async close() {
      closed = true
    },
  }
}

function remember(kept: Set<string>, id: string): void {
  kept.add(id)
  if (kept.size > MAX_REMEMBERED) kept.delete(kept.values().next().value as string)
}

/** The embedded source of flags: definitions in code or JSON. People are in the same buckets as with PostHog. */
export function localFlags(definitions: FlagDefinitions): FlagSource {
  let closed = false
  const open = (): void => {
    if (closed) throw new DriverError('local', 'The flag source is closed.', { code: 'DRIVER_CLOSED' })
  }
  return {
    specificationVersion: 1,
    name: 'local',
    async evaluate(keys, context) {
      open()
      const found = new Map<string, Evaluation>()
      for (const key of keys === 'all' ? Object.keys(definitions) : keys) {
        const definition = Object.hasOwn(definitions, key) ? definitions[key] : undefined
        if (definition) found.set(key, await evaluateDefinition(key, definition, context))
      }
      return found
    },
    async health() {
      open()
    },
    async close() {
      closed = true
    },
  }
}
