import type { Clock } from '@msc/core'
import { plainJson } from '@msc/core/delivery'
import type { Subject } from '../messages.ts'
import { uuidv7 } from '../recording/uuid.ts'
import { STORED_PREFIX, type Consent } from './consent.ts'
import { pageStorage } from './page-storage.ts'

/** Who looks at the page, as it is stored. */
interface Identity {
  readonly anonymousId: string
  readonly distinctId?: string
  readonly sessionId: string
  /** Milliseconds since the epoch, of the last event. */
  readonly seenAt: number
  /** Something was recorded under the anonymous id that no identification has told of yet. */
  readonly hasPast: boolean
  /** It began by a reset, and not by the first visit. */
  readonly isReset?: boolean
}

export interface VisitorOptions {
  readonly clock: Clock
  /** May anything be kept on this device? Asked at each use; what was stored goes with the first no. Absent: no. */
  readonly consent: Consent | undefined
  /** Default: the page's `localStorage`. */
  readonly storage?: Storage | undefined
  /** Another tab has signed somebody out or in: this is another person than before. */
  readonly onSomebodyElse?: () => void
  /** Another tab has identified the visitor of this one. */
  readonly onIdentified?: (subject: Subject) => void
}

/**
 * Who looks at the page: within this page, and over tabs and reloads where that is allowed. What another tab has stored
 * last is so for all of them: they are one browser of one person.
 */
export interface Visitor {
  /** Looks whether another tab has signed somebody in or out. */
  follow(): void
  /** Whom an event of now is about; it gives an anonymous visitor a past, unless nothing is `recorded`. */
  subject(at: number, recorded?: boolean): Subject
  /**
   * The visitor is this person. Whom the identification is about: with the anonymous id where the visitor has a past
   * under it, and never with that of another person.
   *
   * @returns `undefined` when that was known.
   */
  become(distinctId: string, at: number): Subject | undefined
  /** The identification was recorded. Until then, the same one is about the past too. */
  merged(distinctId: string): void
  /** Somebody else from now on. */
  forget(): void
}

const KEY = `${STORED_PREFIX}identity`
/** As PostHog and Google Analytics count sessions. */
const SESSION_IDLE_MS = 30 * 60_000

export function createVisitor(options: VisitorOptions): Visitor {
  const { clock, consent } = options
  const denials = (): number => consent?.denials() ?? 0
  const atFirst = read(options)
  let identity = typeof atFirst === 'string' ? stranger(clock.now()) : atFirst
  /** What is stored may be believed: it is not older than what this page knows. */
  let isStored = true
  /** This tab's visitor has been stored at some time, so one who is gone from there was taken away. */
  let wasStored = identity === atFirst
  /** How often the answer had been no when it was stored last: a no that came since has taken it away. */
  let denialsWhenStored = denials()
  /** The visitor vanished from the storage, and has no event since. */
  let isVacated = false
  const change = (next: Identity): void => {
    isVacated = false
    identity = next
    const kept = write(options, next)
    isStored = kept !== 'failed'
    if (kept === 'kept') {
      wasStored = true
      denialsWhenStored = denials()
    }
  }
  /**
   * The visitor has been taken out of the storage: by a sign-out that clears all, or by the visitor. Nobody is stored in
   * that place before something happens here: the tab that cleared it may be about to store who signed in.
   */
  const vanish = (): void => {
    identity = { ...stranger(clock.now()), isReset: true }
    wasStored = false
    isVacated = true
    options.onSomebodyElse?.()
  }
  const follow = (): void => {
    const stored = isStored ? read(options) : 'unreadable'
    const before = identity
    const isGone = stored === 'none' && wasStored && denials() === denialsWhenStored
    // An anonymous visitor too: that id may have been merged into a person meanwhile.
    if (isGone) vanish()
    if (typeof stored === 'string') return
    if (before.distinctId !== undefined && isNobody(stored) && !wasStored) {
      // Another tab was the first to store its visitor; who is known here has not been signed out.
      change(before)
      return
    }
    identity = stored
    isVacated = false
    wasStored = true
    denialsWhenStored = denials()
    const { distinctId, sessionId } = stored
    if (isAnother(before, stored)) options.onSomebodyElse?.()
    else if (before.distinctId === undefined && distinctId !== undefined)
      options.onIdentified?.({ distinctId, sessionId })
  }
  const touch = (at: number): void => {
    const idle = Math.abs(at - identity.seenAt) > SESSION_IDLE_MS
    change({ ...identity, seenAt: at, ...(idle && { sessionId: uuidv7(at) }) })
  }
  onStored(follow)
  return {
    follow,
    subject(at, recorded = true) {
      follow()
      if (recorded || !isVacated) touch(at)
      const { distinctId, anonymousId, sessionId } = identity
      if (distinctId !== undefined) return { distinctId, sessionId }
      if (recorded && !identity.hasPast) change({ ...identity, hasPast: true })
      return { anonymousId, sessionId }
    },
    become(distinctId, at) {
      follow()
      const { distinctId: known, hasPast } = identity
      if (known === distinctId && !hasPast) return undefined
      touch(at)
      const { anonymousId, sessionId } = identity
      const merges = hasPast && (known === undefined || known === distinctId)
      change({ ...identity, distinctId, hasPast: merges })
      return { distinctId, sessionId, ...(merges && { anonymousId }) }
    },
    merged(distinctId) {
      if (identity.distinctId === distinctId && identity.hasPast) change({ ...identity, hasPast: false })
    },
    forget: () => change({ ...stranger(clock.now()), isReset: true }),
  }
}

/** Has nobody been identified, nor forgotten? */
function isNobody({ distinctId, isReset }: Identity): boolean {
  return distinctId === undefined && isReset !== true
}

/**
 * A visitor who was identified in another tab is the same person; and so is one whom another tab knows by another anonymous
 * id, unless somebody was forgotten there: both had made one up before anything could be stored.
 */
function isAnother(before: Identity, stored: Identity): boolean {
  if (before.distinctId !== undefined) return before.distinctId !== stored.distinctId
  return before.anonymousId !== stored.anonymousId && stored.isReset === true
}

/** The browser tells of what other tabs store; a page that does nothing would find out too late. */
function onStored(follow: () => void): void {
  if (typeof addEventListener !== 'function') return
  addEventListener('storage', (event) => {
    // Without a key where all was cleared.
    const { key } = event as { readonly key?: string | null }
    if (key === KEY || key === null) follow()
  })
}

function stranger(now: number): Identity {
  return { anonymousId: uuidv7(now), sessionId: uuidv7(now), seenAt: now, hasPast: false }
}

/** Who is stored, `none` where nobody is, `unreadable` where nobody may be or that can't be known. */
function read({ consent, storage }: VisitorOptions): Identity | 'none' | 'unreadable' {
  if (!consent?.given()) return 'unreadable'
  try {
    const text = pageStorage(storage)?.getItem(KEY)
    return text === null ? 'none' : (parse(text) ?? 'unreadable')
  } catch {
    return 'unreadable'
  }
}

function parse(text: string | undefined): Identity | undefined {
  if (!text) return undefined
  const read = Object(JSON.parse(text)) as Record<string, unknown>
  const { anonymousId, distinctId, sessionId, seenAt, hasPast, isReset } = read
  if (typeof anonymousId !== 'string' || typeof sessionId !== 'string' || typeof seenAt !== 'number') return undefined
  return {
    anonymousId,
    sessionId,
    seenAt,
    hasPast: hasPast === true,
    ...(isReset === true && { isReset }),
    ...(typeof distinctId === 'string' && distinctId !== '' && { distinctId }),
  }
}

/** `failed` where what is stored is older now. */
function write({ consent, storage }: VisitorOptions, identity: Identity): 'kept' | 'denied' | 'failed' {
  try {
    const target = consent?.given() ? pageStorage(storage) : undefined
    target?.setItem(KEY, plainJson(identity))
    return target ? 'kept' : 'denied'
  } catch {
    // Full, or switched off meanwhile: known for this page alone.
    return 'failed'
  }
}
