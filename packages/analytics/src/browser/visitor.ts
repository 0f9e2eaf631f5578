import type { Clock } from '@msc/core'
import { plainJson } from '@msc/core/delivery'
import type { Subject } from '../messages.ts'
import { uuidv7 } from '../recording/uuid.ts'
import { STORED_PREFIX, type Consent } from './consent.ts'
import { pageStorage } from './page-storage.ts'

/** The identity of the visitor, as it is stored. */
interface Identity {
  readonly anonymousId: string
  readonly distinctId?: string
  readonly sessionId: string
  /** Time of the last event, in milliseconds since the epoch. */
  readonly seenAt: number
  /** True when something was recorded under the anonymous id and no identification has merged it yet. */
  readonly hasPast: boolean
  /** True when the identity began with a reset, and not with the first visit. */
  readonly isReset?: boolean
}

export interface VisitorOptions {
  readonly clock: Clock
  /**
   * Says at each use whether anything may be stored; the first refusal deletes what was. Without one, nothing is
   * stored.
   */
  readonly consent: Consent | undefined
  /** Default: the page's `localStorage`. */
  readonly storage?: Storage | undefined
  /** Called when another tab has signed somebody in or out: the visitor is another person now. */
  readonly onSomebodyElse?: () => void
  /** Called when another tab has identified this tab's visitor. */
  readonly onIdentified?: (subject: Subject) => void
}

/**
 * The identity of the page's visitor: within this page, and with consent over tabs and reloads. All tabs use the
 * identity that was stored last, since one person uses the browser.
 */
export interface Visitor {
  /** Checks whether another tab has signed somebody in or out. */
  follow(): void
  /**
   * Returns the subject of an event that happens now. It gives an anonymous visitor a past, unless `recorded` is false.
   */
  subject(at: number, recorded?: boolean): Subject
  /**
   * Makes the visitor this person. The subject that it returns includes the anonymous id if the visitor has a past
   * under it, and never another person's id.
   *
   * @returns `undefined` when the visitor is already this person.
   */
  become(distinctId: string, at: number): Subject | undefined
  /** The identification was recorded. Until this is called, another identification includes the past too. */
  merged(distinctId: string): void
  /** Begins with a new anonymous visitor. */
  forget(): void
}

const KEY = `${STORED_PREFIX}identity`
/** The same session timeout as PostHog's and Google Analytics'. */
const SESSION_IDLE_MS = 30 * 60_000

export function createVisitor(options: VisitorOptions): Visitor {
  const { clock, consent } = options
  const denials = (): number => consent?.denials() ?? 0
  const atFirst = read(options)
  let identity = typeof atFirst === 'string' ? stranger(clock.now()) : atFirst
  /** False while the stored identity is older than this page's, because a write has failed. */
  let isStored = true
  /** True once this tab's visitor was stored: if it is missing later, somebody removed it. */
  let wasStored = identity === atFirst
  /** How often consent had been refused at the last write. A later refusal has deleted that identity. */
  let denialsWhenStored = denials()
  /** True when the visitor vanished from storage and has had no event since. */
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
   * The visitor was removed from storage, by a sign-out that clears everything or by the visitor. Nobody is stored
   * again until something happens in this tab: the tab that cleared storage may be about to store the next person.
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
    // This includes an anonymous visitor: the id may have been merged into a person meanwhile.
    if (isGone) vanish()
    if (typeof stored === 'string') return
    if (before.distinctId !== undefined && isNobody(stored) && !wasStored) {
      // Another tab stored its visitor first; the person who is known here has not signed out.
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

/** True when nobody was identified or reset. */
function isNobody({ distinctId, isReset }: Identity): boolean {
  return distinctId === undefined && isReset !== true
}

/**
 * True when the stored identity is another person. A visitor whom another tab identified is the same person. So is one
 * with another anonymous id, unless that tab was reset: both tabs made up an id before anything could be stored.
 */
function isAnother(before: Identity, stored: Identity): boolean {
  if (before.distinctId !== undefined) return before.distinctId !== stored.distinctId
  return before.anonymousId !== stored.anonymousId && stored.isReset === true
}

/** Listens for changes by other tabs: a page that is idle would otherwise learn of them too late. */
function onStored(follow: () => void): void {
  if (typeof addEventListener !== 'function') return
  addEventListener('storage', (event) => {
    // The key is null when all of the storage was cleared.
    const { key } = event as { readonly key?: string | null }
    if (key === KEY || key === null) follow()
  })
}

function stranger(now: number): Identity {
  return { anonymousId: uuidv7(now), sessionId: uuidv7(now), seenAt: now, hasPast: false }
}

/**
 * Returns the stored identity, `none` when there is none, or `unreadable` when storage is not allowed or not readable.
 */
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

/** Returns `failed` when storage still holds an older identity. */
function write({ consent, storage }: VisitorOptions, identity: Identity): 'kept' | 'denied' | 'failed' {
  try {
    const target = consent?.given() ? pageStorage(storage) : undefined
    target?.setItem(KEY, plainJson(identity))
    return target ? 'kept' : 'denied'
  } catch {
    // Storage is full or was switched off: the identity is kept for this page only.
    return 'failed'
  }
}
