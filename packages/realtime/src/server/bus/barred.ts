import { isRecord } from '@msc/core'
import type { Bans, Kicked } from '../admission/bans.ts'
import type { Revocations, Revoked } from '../admission/revocations.ts'
import type { EndingHere } from '../ending.ts'

/** Who is not let in any more: told to servers that start later, or were deaf for a while. */
export interface Barred {
  readonly revocations: Pick<Revocations, 'all' | 'issuedUntil' | 'hearIssued' | 'onIssued'>
  readonly bans: Pick<Bans, 'all'>
}

/** Entries in one piece. */
const AT_ONCE = 200

const formatBarred = (entries: readonly object[]): string => JSON.stringify({ kind: 'barred', entries })
/** JSON has no Infinity. */
const written = (leftMs: number): number | 'forever' => (leftMs === Infinity ? 'forever' : leftMs)

/** What is left of one that was said a while ago: nothing where it is over. */
export const barredFor = (kicked: Kicked, leftMs: number, id: string): readonly string[] =>
  leftMs > 0 ? [formatBarred([{ kicked, leftMs: written(leftMs), id }])] : []

export const takenBack = (revoked: Revoked, at: number): readonly string[] => [formatBarred([{ revoked, at }])]

/** All of now, in pieces, each made when it is to be sent: what is heard meanwhile is told by whoever said it. */
export function* barredPieces({ revocations, bans }: Barred): Generator<string> {
  let entries: object[] = []
  // oxlint-disable-next-line unicorn/no-useless-spread -- they change meanwhile
  for (const [revoked, at] of [...revocations.all()]) {
    entries.push({ revoked, at })
    if (entries.length < AT_ONCE) continue
    yield formatBarred(entries)
    entries = []
  }
  // oxlint-disable-next-line unicorn/no-useless-spread -- they change meanwhile
  for (const [kicked, leftOf, id] of [...bans.all()]) {
    // The piece before this one may have waited for the bus.
    const leftMs = leftOf()
    if (leftMs > 0) entries.push({ kicked, leftMs: written(leftMs), id })
    if (entries.length < AT_ONCE) continue
    yield formatBarred(entries)
    entries = []
  }
  if (entries.length > 0) yield formatBarred(entries)
}

/** Takes over what another server says: those who came before it was heard go, as they would have gone then. */
export function hearBarred(here: EndingHere, { entries }: Readonly<Record<string, unknown>>): void {
  const taken: (readonly [Revoked, number])[] = []
  for (const entry of Array.isArray(entries) ? entries : []) {
    if (!isRecord(entry)) continue
    const { revoked, at, kicked, leftMs, id } = entry
    if (isRecord(revoked) && typeof at === 'number' && isName(revoked['sub'] ?? revoked['sessionId'])) {
      taken.push([revoked as unknown as Revoked, at])
    }
    const forMs = leftMs === 'forever' ? Infinity : leftMs
    if (isRecord(kicked) && isName(kicked['topic']) && typeof forMs === 'number' && forMs > 0) {
      here.keepOut(kicked as unknown as Kicked, forMs, typeof id === 'string' ? id : undefined)
    }
  }
  here.takeBack(taken)
}

const isName = (value: unknown): boolean => typeof value === 'string' && value !== ''
