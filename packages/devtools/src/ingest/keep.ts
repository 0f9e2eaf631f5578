import { createHash } from 'node:crypto'
import { createRedactor, type Clock, type Journal, type JournalEntry } from '@msc/core'
import { fingerprintOf, type ErrorValue } from '@msc/monitoring'
import { PERSON_PROPERTIES, personIds } from './people.ts'
import { SOURCE, type Accepted, type Received } from './received.ts'
import { record, text } from './loose.ts'

/** The redaction budget of one record; whatever is beyond it is dropped. */
const BUDGET = { maxNodes: 6000, maxChars: 120_000, maxString: 10_000, maxDepth: 8 }
/** How many ids of records are remembered, to recognise duplicates. */
const MAX_REMEMBERED = 10_000

/** The sender of a body, as far as the server knows. */
export interface Sender {
  readonly protocol: string
  /** The signed-in user. */
  readonly userId: string | undefined
}

export interface Kept {
  readonly written: number
  /** The errors that the journal threw. */
  readonly failures: readonly unknown[]
}

export interface KeeperOptions {
  readonly secret: string | undefined
  readonly clock: Clock
}

export type Keeper = (received: Received, sender: Sender, to: Journal) => Promise<Kept>

/** How long one body is worked on before other work gets its turn, in milliseconds. */
const TURN_MS = 5

const yieldToEventLoop = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Writes received records, each once: redacted, and with the fingerprint and the user that the server determines. */
export function createKeeper({ secret, clock }: KeeperOptions): Keeper {
  const clean = createRedactor(BUDGET)
  const personId = personIds(clean, secret)
  const seen = new Set<string>()

  const recordFor = (accepted: Accepted, sender: Sender): JournalEntry => {
    const { entry } = accepted
    const { traceId, userId: claimed, ts, kind } = entry
    const safe = clean({ name: entry.name, release: entry.release, payload: entry.payload })
    const payload = {
      ...record(safe.payload),
      // Event ids are hexadecimal, and a redaction rule could take one for something else.
      eventId: text(entry.payload['eventId'], 40),
      ...withPersons(entry.payload, safe.payload, personId),
      receivedFrom: sender.protocol,
    }
    const userId = authorOf(sender, personId(claimed))
    const fingerprint = fingerprintFor(kind, payload, accepted.chosenFingerprint, clean.text)
    return {
      kind,
      source: SOURCE,
      name: text(safe.name, 1000) ?? '[cut]',
      ...(ts !== undefined && { ts }),
      ...(traceId !== undefined && { traceId }),
      ...(userId !== undefined && { userId }),
      ...(fingerprint !== undefined && { fingerprint }),
      ...(typeof safe.release === 'string' && { release: safe.release }),
      payload: {
        ...payload,
        ...(fingerprint !== undefined && {
          fingerprint,
          fingerprintChosen: accepted.chosenFingerprint !== undefined,
        }),
      },
    }
  }

  return async ({ accepted, notKept }, sender, journal) => {
    const failures: unknown[] = []
    let written = 0
    let turnBegan = clock.monotonic()
    for (const each of accepted) {
      if (clock.monotonic() - turnBegan > TURN_MS) {
        await yieldToEventLoop()
        turnBegan = clock.monotonic()
      }
      if (each.once !== undefined && seen.has(each.once)) {
        written += 1
        continue
      }
      try {
        journal.append(recordFor(each, sender))
        written += 1
        if (each.once !== undefined) remember(seen, each.once)
      } catch (error) {
        failures.push(error)
      }
    }
    try {
      if (notKept.size > 0) journal.append(lossOf(notKept, sender.protocol, clean.text))
    } catch (error) {
      failures.push(error)
    }
    return { written, failures }
  }
}

/** Whoever is not signed in is anonymous, whatever the records claim. */
function authorOf({ userId }: Sender, claimed: string | undefined): string | undefined {
  if (userId !== undefined) return userId
  return claimed === undefined ? undefined : `anonymous:${claimed}`
}

function remember(seen: Set<string>, key: string): void {
  seen.add(key)
  if (seen.size > MAX_REMEMBERED) seen.delete(seen.values().next().value as string)
}

/** Restores the ids of persons: redaction would give several persons the same id. */
function withPersons(
  raw: Readonly<Record<string, unknown>>,
  safe: Readonly<Record<string, unknown>>,
  personId: (id: unknown) => string | undefined,
): Record<string, unknown> {
  const { user, properties } = raw
  const out: Record<string, unknown> = {}
  const id = personId(record(user)['id'])
  if (id !== undefined) out['user'] = { ...record(safe['user']), id }
  const given = record(properties)
  const ids = PERSON_PROPERTIES.flatMap((name) => {
    const person = Object.hasOwn(given, name) ? personId(given[name]) : undefined
    return person === undefined ? [] : [[name, person] as const]
  })
  if (ids.length > 0) out['properties'] = { ...record(safe['properties']), ...Object.fromEntries(ids) }
  return out
}

/**
 * Computes the group of an error from what redaction has left of it. It begins with the source, which no fingerprint
 * that the server computes does: the same error, or a grouping that the sender chose, never joins an issue of the server.
 */
function fingerprintFor(
  kind: string,
  payload: Readonly<Record<string, unknown>>,
  chosen: readonly string[] | undefined,
  cleanText: (text: string) => string,
): string | undefined {
  if (kind !== 'error' && kind !== 'message') return undefined
  const errors = Array.isArray(payload['errors']) ? (payload['errors'] as unknown[]) : []
  const computed = fingerprintOf(errors.length > 0 ? groupedBy(record(errors[0])) : messageOf(payload))
  // Sentry's placeholder for the grouping that it would have computed itself.
  const parts = chosen?.map((part) => (/^\{\{\s{0,5}default\s{0,5}\}\}$/.test(part) ? computed : cleanText(part)))
  if (!parts || (parts.length === 1 && parts[0] === computed)) return `${SOURCE}:${computed}`
  return `${SOURCE}:${createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16)}`
}

function groupedBy(error: Readonly<Record<string, unknown>>) {
  const frames = Array.isArray(error['frames']) ? error['frames'].filter((each) => typeof each === 'object') : []
  return {
    name: text(error['name'], 200) ?? 'Error',
    message: text(error['message'], 1000) ?? '',
    frames: frames as ErrorValue['frames'],
  }
}

function messageOf(payload: Readonly<Record<string, unknown>>) {
  return { name: 'Message', message: text(payload['message'], 1000) ?? '', frames: [] }
}

function lossOf(notKept: ReadonlyMap<string, number>, protocol: string, cleanText: (text: string) => string) {
  const counts = [...notKept].map(([kind, count]) => ({ kind: cleanText(kind), reason: 'not kept', count }))
  const name = counts.map(({ kind, count }) => `${count} ${kind}`).join(', ')
  const payload = { by: 'ingest', receivedFrom: protocol, counts }
  return { kind: 'drop', source: SOURCE, name: `${name}: not kept`, payload } as const
}
