/**
 * How far somebody has heard a topic, as a cursor says it:
 *
 *     <epoch>:<xmin>:<xmax>:<xip,…> [ +<xid>.<id>,… ] [ ><xmin>:<xmax>:<xip,…>@<id> ]
 *
 * The history (`epoch`); a snapshot of the database, in Postgres' own form, of which everything visible was heard; of
 * transactions that it does not show, the last row that was heard (their rows come in the order of their ids). Within a history
 * that is read page by page also the snapshot up to which it is read, and the last row that was. So a cursor says exactly what
 * was heard, however many rows a transaction has and however long another one stays open, and nothing has to be remembered
 * beside it.
 *
 * A message's own cursor is the snapshot that its row was written under, and the row. Everything visible in that snapshot had
 * committed before the row was written, so it was heard before the row is.
 *
 * Source of the snapshot's form: https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-SNAPSHOT
 */
const SNAPSHOT = String.raw`(\d{1,18}):(\d{1,18}):((?:\d{1,18}(?:,\d{1,18})*)?)`
const CURSOR = new RegExp(
  String.raw`^([\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}):${SNAPSHOT}(?:\+(\d{1,18}\.\d{1,18}(?:,\d{1,18}\.\d{1,18})*))?(?:>${SNAPSHOT}@(\d{1,18}))?$`,
)

/** Longer than any that a server makes: the snapshots in it are cut at 2 000. */
const MAX_LENGTH = 16_000

/** What Postgres would not take as a snapshot is none either. */
export function isCursor(value: unknown): value is string {
  if (typeof value !== 'string' || value.length > MAX_LENGTH) return false
  const [, , xmin, xmax, open, , pageXmin, pageXmax, pageOpen] = CURSOR.exec(value) ?? []
  return isSnapshot(xmin, xmax, open) && (pageXmin === undefined || isSnapshot(pageXmin, pageXmax, pageOpen))
}

function isSnapshot(xmin: string | undefined, xmax: string | undefined, open = ''): boolean {
  if (xmin === undefined) return false
  let last = Number(xmin)
  const end = Number(xmax)
  if (last < 1 || last > end) return false
  for (const each of open === '' ? [] : open.split(',')) {
    const xid = Number(each)
    if (xid < last || xid >= end) return false
    last = xid
  }
  return true
}

interface Snapshot {
  readonly xmin: number
  readonly xmax: number
  /** Transactions before `xmax` that had not ended. */
  readonly open: ReadonlySet<number>
}

interface Parsed {
  readonly epoch: string
  readonly snapshot: Snapshot
  readonly heard: readonly (readonly [xid: number, id: number])[]
}

/** `known`: it was heard before. `other`: it is of another history, in which positions of this one mean nothing. */
export type Taken = 'new' | 'known' | 'other'

/** The position of one listener, which each message moves on. Made of a cursor that is not within pages. */
export class Position {
  #epoch: string
  #snapshot: Snapshot
  readonly #heard: Map<number, number>
  private constructor({ epoch, snapshot, heard }: Parsed) {
    this.#epoch = epoch
    this.#snapshot = snapshot
    this.#heard = new Map(heard)
  }

  /** `undefined` for what is no cursor. */
  static of(cursor: unknown): Position | undefined {
    const parsed = isCursor(cursor) ? parse(cursor) : undefined
    return parsed && new Position(parsed)
  }

  /** Moves on past a message, by the message's own cursor. */
  take(cursor: string): Taken {
    const { epoch, snapshot, heard } = parse(cursor)
    if (epoch !== this.#epoch) return 'other'
    let taken: Taken = 'known'
    for (const [xid, id] of heard) {
      if (isVisible(this.#snapshot, xid) || (this.#heard.get(xid) ?? -1) >= id) continue
      this.#heard.set(xid, id)
      taken = 'new'
    }
    if (taken === 'new') this.#moveTo(snapshot)
    return taken
  }

  /** Counts a message alone as heard, by its own cursor: not what was before it. */
  takeAlone(cursor: string): void {
    const { epoch, heard } = parse(cursor)
    if (epoch !== this.#epoch) return
    for (const [xid, id] of heard)
      if (!isVisible(this.#snapshot, xid) && (this.#heard.get(xid) ?? -1) < id) this.#heard.set(xid, id)
  }

  /** Whether a cursor is of the same history. */
  isOf(cursor: string): boolean {
    return parse(cursor).epoch === this.#epoch
  }

  /** Whether a cursor, of the database's own, is of the same history and no earlier. */
  isBefore(cursor: string): boolean {
    return this.isOf(cursor) && parse(cursor).snapshot.xmax >= this.#snapshot.xmax
  }

  /**
   * Counts all transactions before this one as heard: what was not is gone. But not those that are still open, by the database's own
   * cursor of now: nothing of them can be gone.
   */
  passBefore(xid: number, now: string): void {
    const { xmin, xmax, open } = this.#snapshot
    const stillOpen = [...parse(now).snapshot.open].filter((each) => each < xid && !isVisible(this.#snapshot, each))
    // Both have the order of the database.
    const left = [...stillOpen, ...[...open].filter((each) => each >= xid)]
    this.#snapshot = {
      xmin: Math.min(Math.max(xmin, xid), ...left),
      xmax: Math.max(xmax, xid),
      open: new Set(left),
    }
    for (const each of this.#heard.keys()) if (isVisible(this.#snapshot, each)) this.#heard.delete(each)
  }

  /** Of which everything visible was heard, as Postgres writes it. */
  get snapshot(): string {
    const { xmin, xmax, open } = this.#snapshot
    return `${xmin}:${xmax}:${[...open].join(',')}`
  }

  toString(): string {
    const heard = [...this.#heard].map(([xid, id]) => `${xid}.${id}`)
    return `${this.#epoch}:${this.snapshot}${heard.length > 0 ? '+' : ''}${heard.join(',')}`
  }

  /** Where the snapshot shows all that the one before did; a row of a transaction that was long open has an old one. */
  #moveTo(next: Snapshot): void {
    const before = this.#snapshot
    if (next.xmax < before.xmax) return
    for (const xid of next.open) if (isVisible(before, xid)) return
    this.#snapshot = next
    for (const xid of this.#heard.keys()) if (isVisible(next, xid)) this.#heard.delete(xid)
  }
}

function isVisible({ xmin, xmax, open }: Snapshot, xid: number): boolean {
  return xid < xmin || (xid < xmax && !open.has(xid))
}

function parse(cursor: string): Parsed {
  const [, epoch = '', xmin, xmax, open = '', heard = ''] = CURSOR.exec(cursor) ?? []
  const numbers = (list: string): number[] => (list === '' ? [] : list.split(',').map(Number))
  return {
    epoch,
    snapshot: { xmin: Number(xmin), xmax: Number(xmax), open: new Set(numbers(open)) },
    heard: (heard === '' ? [] : heard.split(',')).map((each) => {
      const [xid, id] = each.split('.')
      return [Number(xid), Number(id)]
    }),
  }
}

/** A cursor of which also this message is known to be heard, and nothing before it. As it was, where that has no room in it. */
export function besides(cursor: string, own: string): string {
  const position = isWithinPages(cursor) ? undefined : Position.of(cursor)
  position?.takeAlone(own)
  const said = String(position)
  return isCursor(said) ? said : cursor
}

/** Whether a cursor is in the middle of a history that is read page by page. */
export const isWithinPages = (cursor: string): boolean => cursor.includes('>')

/**
 * Says of each message of a page, by the message's own cursor, where somebody is who has heard it and all before it.
 *
 * @param before The cursor that the page came after; without one it begins where its first message is.
 * @param last The cursor behind the page.
 */
export function alongPage(before: string | undefined, last: string): (own: unknown) => string | undefined {
  const isPaged = before !== undefined && isWithinPages(before)
  let position = isPaged ? undefined : Position.of(before)
  let reached = before
  return (own) => {
    if (!isCursor(own)) return reached
    if (isPaged) return (reached = withinPage(before, last, own.slice(own.lastIndexOf('.') + 1)))
    if (!position || position.take(own) === 'other') position = Position.of(own)
    return (reached = String(position))
  }
}

/** The cursor within a page of history, after one of its rows. `last`: the cursor at the page's end, `before` at its beginning. */
export function withinPage(before: string, last: string, id: string): string {
  const [whole = '', paged] = before.split('>')
  const target = /^[\da-f-]{36}:(.*)$/.exec(last)?.[1] ?? ''
  // A page that is not the history's last one says what it is read up to.
  const upTo = paged?.split('@')[0] ?? last.split('>')[1]?.split('@')[0] ?? target
  return `${whole}>${upTo}@${id}`
}
