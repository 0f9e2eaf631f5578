import { isRecord, type Journal, type JournalRecord } from '@msc/core'
import { addressOf, fromSource, hashOf, least, most, read } from './read.ts'

/** A group of errors with the same fingerprint and source. */
export interface Issue {
  /** Where the errors were received from; absent if the process itself captured them. */
  readonly source?: string
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

export interface IssuesOptions {
  /** What an error page has shown (the tag `digest`): only issues with a record of it are returned. */
  readonly reference?: string | null
  /** Only issues of this source; `server` for those of the process itself. */
  readonly source?: string | null
}

/** Returns all issues: first those of the process itself, then those that were received, each the last seen first. */
export function issues(journal: Journal, { reference, source = null }: IssuesOptions = {}): Issue[] {
  const groups = new Map<string, JournalRecord[]>()
  for (const record of read(journal, { kinds: ['error'], ...fromSource(source) })) {
    const key = issueKey(record)
    const group = groups.get(key)
    if (group) group.push(record)
    else groups.set(key, [record])
  }
  return [...groups]
    .filter(([, records]) => typeof reference !== 'string' || records.some((record) => digestOf(record) === reference))
    .map(([key, records]) => issueOf(key, records))
    .toSorted((a, b) => Number(a.source !== undefined) - Number(b.source !== undefined) || b.lastSeen - a.lastSeen)
}

/** The beginning of the key of an issue that was received. */
const RECEIVED = /^[a-z][a-z\d-]{0,39}:/

/**
 * Returns the key of a record's issue, which is safe to use in a URL. That of a received one begins with its source, and
 * no other does: whatever a stranger claims, it never has the key of an issue of the process itself.
 */
export function issueKey({ fingerprint, name, source }: JournalRecord): string {
  const id = fingerprint ?? name
  if (source === undefined) return RECEIVED.test(id) ? hashOf(id) : addressOf(id)
  const prefix = `${source}:`
  return prefix + addressOf(id.startsWith(prefix) ? id.slice(prefix.length) : id)
}

function digestOf({ payload }: JournalRecord): unknown {
  const tags = payload['tags']
  return isRecord(tags) ? tags['digest'] : undefined
}

function issueOf(fingerprint: string, records: readonly JournalRecord[]): Issue {
  const latest = records[0] as JournalRecord
  const times = records.map(({ ts }) => ts)
  return {
    ...(latest.source !== undefined && { source: latest.source }),
    fingerprint,
    name: latest.name,
    count: records.length,
    users: new Set(records.map(({ userId }) => userId).filter((id) => id !== undefined)).size,
    firstSeen: least(times),
    lastSeen: most(times),
    latest,
  }
}
