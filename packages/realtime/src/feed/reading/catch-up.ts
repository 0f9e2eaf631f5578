import { ACCESS, type EventRow } from '../message.ts'
import { isWithinPages, Position } from '../position.ts'
import type { HandingOn } from './hand-on.ts'
import { CATCH_UP, IS_GONE, rowsOf, type PageRow, type Query } from './queries.ts'

/** Where a source is in the outbox. */
export interface Reading {
  /** What was handed on, in all topics together. It passes nothing that was not. */
  position: Position
}

export interface CatchUpPorts {
  readonly query: Query
  readonly handingOn: HandingOn
  isClosed(): boolean
}

const AT_ONCE = 500

/**
 * Hands on all that was not handed on yet, up to now. When it fails, what it handed on has been.
 *
 * Pages have the order of the ids, and ids are given before the commits. So a row may come before the removal of one of its
 * readers although it was committed after it, which they may not hear. What a round reads is bounded by one snapshot: all removals
 * that are visible there go before all of its rows, on whatever page. A row that was committed before a removal then reaches the
 * others alone, which is right: whoever was taken out may not read it now.
 */
export async function catchUp(reading: Reading, ports: CatchUpPorts): Promise<void> {
  const { query, handingOn } = ports
  let cursor = String(reading.position)
  let toldAt: string | undefined
  for (let more = true; more && !ports.isClosed();) {
    const rows: readonly PageRow[] = await query<PageRow>(CATCH_UP, [null, cursor, AT_ONCE])
    const page = rows[0]
    if (!page) return
    const found = rowsOf(rows)
    // Where some of them are gone, it is asked for once more, and is a gap.
    if (!page.gap && !isWithinPages(cursor) && !(await sendAway(found, page.last, ports))) continue
    if (page.gap) {
      toldAt = await tellLoss(page.last, toldAt, ports)
      // Of another history, or of one from before: positions of here mean nothing there.
      if (!reading.position.isBefore(page.last)) return goOnFrom(page.last, reading)
      // What is still there is read all the same, from the oldest on.
      reading.position.passBefore(Number(page.floor), page.last)
      cursor = String(reading.position)
      continue
    }
    for (const row of found) {
      // Removals have been told.
      if (reading.position.take(row.cursor) === 'new' && row.topic !== ACCESS) handingOn.row(row)
    }
    cursor = page.last
    more = page.more
  }
  // Everything up to there, and nothing beyond it, as what is announced meanwhile waits.
  if (!ports.isClosed()) goOnFrom(cursor, reading)
}

/**
 * Tells that something is gone, unless that was told at a moment after all of it: whoever came back then has read up to there.
 *
 * @returns The cursor of the moment up to which it is told now.
 */
async function tellLoss(now: string, toldAt: string | undefined, { query, handingOn }: CatchUpPorts): Promise<string> {
  if (toldAt === undefined) {
    await handingOn.missed()
    return now
  }
  const [since] = await query<{ readonly gap: boolean; readonly cursor: string }>(IS_GONE, [toldAt])
  if (!since?.gap) return toldAt
  await handingOn.missed()
  return since.cursor
}

/** Tells all removals of a round: those of its first page, and those of later ones. False where some of them are gone meanwhile. */
async function sendAway(found: readonly EventRow[], last: string, ports: CatchUpPorts): Promise<boolean> {
  for (const row of found) if (row.topic === ACCESS) ports.handingOn.row(row)
  for (let cursor = last; isWithinPages(cursor) && !ports.isClosed();) {
    const rows: readonly PageRow[] = await ports.query<PageRow>(CATCH_UP, [ACCESS, cursor, AT_ONCE])
    const page = rows[0]
    if (!page || page.gap) return false
    for (const row of rowsOf(rows)) ports.handingOn.row(row)
    cursor = page.last
  }
  return true
}

/** Hands on what was announced. The rows of one statement are all of one history. */
export async function takeAnnounced(rows: readonly EventRow[], reading: Reading, handingOn: HandingOn): Promise<void> {
  const [first] = rows
  if (first && !reading.position.isOf(first.cursor)) {
    await handingOn.missed()
    goOnFrom(first.cursor, reading)
    handingOn.row(first)
  }
  for (const row of rows) if (reading.position.take(row.cursor) === 'new') handingOn.row(row)
}

function goOnFrom(cursor: string, reading: Reading): void {
  reading.position = Position.of(cursor) ?? reading.position
}
