import { type Journal, closedError } from '@msc/core'
import { journalSink } from '@msc/core/delivery'
import type { AnalyticsDriver, FlagSource } from '../driver.ts'
import { evaluateDefinition, type FlagDefinitions } from '../flags/definitions.ts'
import type { Evaluation } from '../messages.ts'
import { toRecord } from '../recording/to-record.ts'
import { ALL_KINDS } from './kinds.ts'

export interface LocalOptions {
  /** Default: the journal of the process. */
  readonly journal?: Journal
}

/** Redaction already bounds each envelope, and a journal takes any number of them. */
const LIMITS = { maxItems: 500, maxBytes: 4_000_000, maxItemBytes: 1_000_000 }
/**
 * How many ids are remembered, so that an envelope that is sent again, by a webhook or after `sendSync`, is kept once.
 */
const MAX_REMEMBERED = 10_000

/** The embedded driver: it writes messages to the journal, where devtools shows them. */
export function local(options: LocalOptions = {}): AnalyticsDriver {
  return {
    specificationVersion: 1,
    name: 'local',
    capabilities: { kinds: ALL_KINDS, limits: LIMITS },
    ...journalSink({ journal: options.journal, toRecord, remembered: MAX_REMEMBERED }),
  }
}

/** The embedded flag source: definitions in code or JSON. It puts people into the same buckets as PostHog does. */
export function localFlags(definitions: FlagDefinitions): FlagSource {
  let closed = false
  const open = (): void => {
    if (closed) throw closedError('local')
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
