import type { Journal, JournalRecord } from '@msc/core'
import { attributesOf } from './describe.ts'
import { objectOf, objectsOf, read, textOf } from './read.ts'

/** A number of lost items, and the reason. */
export interface Loss {
  /** Who said so; absent if the process itself did. */
  readonly source?: string
  readonly where: string
  readonly what: string
  readonly reason: string
  readonly count: number
  /** Milliseconds since the epoch. */
  readonly lastSeen: number
}

/** Sums losses by where, what and why: first those that the process itself noticed, then others, each the newest first. */
export function losses(journal: Journal): Loss[] {
  const found = new Map<string, Loss>()
  for (const record of read(journal, { kinds: ['drop', 'drops'] })) {
    for (const each of lossesOf(record)) {
      const loss = record.source === undefined ? each : { ...each, source: record.source }
      const key = JSON.stringify([loss.source, loss.where, loss.what, loss.reason])
      const known = found.get(key)
      // Records come newest first, so the loss that is already there was seen later.
      found.set(key, known ? { ...known, count: known.count + loss.count } : loss)
    }
  }
  return [...found.values()].toSorted((a, b) => Number(a.source !== undefined) - Number(b.source !== undefined))
}

function lossesOf(record: JournalRecord): Loss[] {
  const { payload, ts, kind, name } = record
  const attributes = attributesOf(record)
  const counts = objectsOf(payload['counts'])
  const from = textOf(payload['receivedFrom']) || textOf(payload['by'])
  if (counts.length > 0) {
    const where = kind === 'drops' ? `sender${from === '' ? '' : ` (${from})`}` : from || 'here'
    return counts.map((each) => lossOf(where, each, ts))
  }
  if (attributes['concern'] === undefined)
    return [{ where: from || 'here', what: name, reason: '', count: 1, lastSeen: ts }]
  const where = [attributes['concern'], attributes['driver']].map(textOf).filter(Boolean).join(' · ')
  return [lossOf(where, attributes, ts)]
}

function lossOf(where: string, value: unknown, lastSeen: number): Loss {
  const { kind, reason, count } = objectOf(value)
  return {
    where,
    what: textOf(kind) || 'records',
    reason: textOf(reason),
    count: typeof count === 'number' && count > 0 && Number.isFinite(count) ? count : 1,
    lastSeen,
  }
}
