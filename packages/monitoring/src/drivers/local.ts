import type { Journal } from '@msc/core'
import { journalSink } from '@msc/core/delivery'
import type { MonitoringDriver } from '../driver.ts'
import { toRecord } from '../record.ts'
import type { ErrorSignal, Signal } from '../signals.ts'
import { ALL_KINDS } from './kinds.ts'

export interface LocalOptions {
  /** Default: the process's journal. */
  readonly journal?: Journal
  /** Also prints one line per error to the console. Default false. */
  readonly print?: boolean
}

/** The redaction has already cut the records, and a journal accepts any number. */
const LIMITS = { maxItems: 500, maxBytes: 4_000_000, maxItemBytes: 1_000_000 }
/** The number of ids to remember, so that a signal that is sent again after last words is written once. */
const MAX_REMEMBERED = 2000

/** Makes the embedded driver, which writes signals to the journal, where devtools shows them. */
export function local(options: LocalOptions = {}): MonitoringDriver {
  const print = (signal: Signal): void => {
    if (options.print && signal.kind === 'error') console.error(lineOf(signal))
  }
  return {
    specificationVersion: 1,
    name: 'local',
    capabilities: { kinds: ALL_KINDS, limits: LIMITS },
    ...journalSink({ journal: options.journal, toRecord, remembered: MAX_REMEMBERED, onKept: print }),
  }
}

function lineOf({ id, errors, message, traceId, tags }: ErrorSignal): string {
  const labels = Object.entries(tags).map(([name, value]) => `${name}=${value}`)
  const where = errors[0]?.stack?.split('\n').find((each) => /^\s*at /.test(each))
  return [
    `[msc/monitoring] ${errors[0]?.name ?? 'Error'}: ${message} (event ${id.slice(0, 8)}${traceId ? `, trace ${traceId}` : ''}${labels.length > 0 ? `, ${labels.join(' ')}` : ''})`,
    ...(where ? [where] : []),
  ].join('\n')
}
