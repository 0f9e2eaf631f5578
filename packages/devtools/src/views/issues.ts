import { isRecord, type Journal, type JournalRecord } from '@msc/core'
import { addressOf, least, most, read } from './read.ts'

/** A group of errors with the same fingerprint. */
export interface Issue {
  /** Safe to use in a URL. */
  readonly fingerprint: string
  readonly name: string
  readonly count: number
  readonly users: number
  /** Milliseconds since the epoch. */
  readonly firstSeen: number
  readonly lastSeen: number
  readonly latest: JournalRecord
}

/**
 * Returns all issues, the last seen first.
 *
 * @param reference What an error page has shown (the tag `digest`): only issues with a record of it are returned.
 */
export function issues(journal: Journal, reference?: string | null): Issue[] {
  const groups = new Map<string, JournalRecord[]>()
  for (const record of read(journal, { kinds: ['error'] })) {
    const key = addressOf(record.fingerprint ?? record.name)
    const group = groups.get(key)
    if (group) group.push(record)
    else groups.set(key, [record])
  }
  return [...groups]
    .filter(([, records]) => typeof reference !== 'string' || records.some((record) => digestOf(record) === reference))
    .map(([key, records]) => issueOf(key, records))
    .toSorted((a, b) => b.lastSeen - a.lastSeen)
}

function digestOf({ payload }: JournalRecord): unknown {
  const tags = payload['tags']
  return isRecord(tags) ? tags['digest'] : undefined
}

function issueOf(fingerprint: string, records: readonly JournalRecord[]): Issue {
  const latest = records[0] as JournalRecord
  const times = records.map(({ ts }) => ts)
  return {
    fingerprint,
    name: latest.name,
    count: records.length,
    users: new Set(records.map(({ userId }) => userId).filter((id) => id !== undefined)).size,
    firstSeen: least(times),
    lastSeen: most(times),
    latest,
  }
}
