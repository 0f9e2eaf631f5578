import type { Clock } from '@msc/core'
import type { Claims } from '../entrance/claims.ts'
import type { HolderLimits, Limits } from './limits.ts'
import { createHolders, type Cost, type Gauge, type Holder, type Holders } from './holders.ts'

/** Whose connection or request something is. Without either it is not counted. */
export interface Who {
  readonly account?: string | undefined
  /** As `addressKey` writes it. */
  readonly address?: string | undefined
}

/** Why something was refused. */
export interface Refusal {
  readonly limit: keyof HolderLimits
  readonly of: 'account' | 'address'
  /** Milliseconds after which it may be tried again. */
  readonly retryAfterMs: number
}

/** Whose it is by its claims. The service role is the operator's own, and above the limits as it is above the policies. */
export function whoIs({ role, sub }: Claims, address: string | undefined): Who {
  if (role === 'service_role') return {}
  return { account: sub === '' ? undefined : sub, address }
}

/** When somebody is told to come back for whom there is no place: nobody knows when another one leaves. */
export const FULL_MS = 10_000
/** A limit of zero never has anything to give. */
const MAX_WAIT_MS = 3_600_000

type Side = { readonly of: Refusal['of']; readonly table: Holders; readonly holder: Holder }

/** A place that an open connection has, at its account and its address. A class, because there are ten thousand of them. */
export class Place {
  readonly #admission: Admission
  readonly #gauge: Gauge
  #who: Who
  #topics = 0
  #left = false
  constructor(admission: Admission, who: Who, gauge: Gauge) {
    this.#admission = admission
    this.#who = who
    this.#gauge = gauge
  }
  get account(): string | undefined {
    return this.#who.account
  }
  /** Uses up what a frame, a join or a read costs, or says why it may not be. */
  take(cost: Cost): Refusal | undefined {
    return this.#admission.take(this.#who, cost)
  }
  takeTopics(amount: number): Refusal | undefined {
    const refusal = this.#admission.hold(this.#who, { topics: amount })
    if (!refusal) this.#topics += amount
    return refusal
  }
  freeTopics(amount: number): void {
    const freed = Math.min(amount, this.#topics)
    this.#topics -= freed
    this.#admission.free(this.#who, { topics: freed })
  }
  /** Moves to the account of a newer token, with all that it has; stays where it is when there is no room. */
  become(claims: Claims): Refusal | undefined {
    const next = { ...whoIs(claims, this.#who.address), address: this.#who.address }
    if (this.#left || next.account === this.#who.account) return undefined
    const holds = { [this.#gauge]: 1, topics: this.#topics }
    const refusal = this.#admission.hold({ account: next.account }, holds)
    if (refusal) return refusal
    this.#admission.free({ account: this.#who.account }, holds)
    this.#who = next
    return undefined
  }
  /** Frees the place; does nothing the second time. */
  leave(): void {
    if (this.#left) return
    this.#left = true
    this.#admission.free(this.#who, { [this.#gauge]: 1, topics: this.#topics })
    this.#topics = 0
  }
}

type Held = { readonly [Name in Gauge]?: number }

/** The limits of accounts and addresses. Refuses all of something or nothing of it. */
export class Admission {
  readonly #accounts: Holders | undefined
  readonly #addresses: Holders | undefined
  readonly #clock: Clock
  constructor({ perAccount, perAddress, remembered }: Limits, clock: Clock) {
    this.#accounts = perAccount === false ? undefined : createHolders(perAccount, remembered)
    this.#addresses = perAddress === false ? undefined : createHolders(perAddress, remembered)
    this.#clock = clock
  }
  /** How many accounts and addresses are known. */
  get known(): { readonly accounts: number; readonly addresses: number } {
    return { accounts: this.#accounts?.size ?? 0, addresses: this.#addresses?.size ?? 0 }
  }
  /** A place for an open connection, or why there is none. */
  enter(who: Who, gauge: 'sockets' | 'eventStreams'): Place | Refusal {
    return this.hold(who, { [gauge]: 1 }) ?? new Place(this, who, gauge)
  }
  take(who: Who, cost: Cost): Refusal | undefined {
    const now = this.#clock.monotonic()
    const sides = this.#sidesOf(who)
    for (const { of, table, holder } of sides) {
      const found = table.obstacle(holder, cost, now)
      if (found) return { limit: found.limit, of, retryAfterMs: Math.min(MAX_WAIT_MS, found.waitMs) }
    }
    for (const { table, holder } of sides) table.spend(holder, cost, now)
    return undefined
  }
  hold(who: Who, held: Held): Refusal | undefined {
    const gauges = Object.entries(held) as [Gauge, number][]
    const sides = this.#sidesOf(who)
    for (const { of, table, holder } of sides) {
      const full = gauges.find(([gauge, amount]) => table.isFull(holder, gauge, amount))
      if (full) return { limit: full[0], of, retryAfterMs: FULL_MS }
    }
    for (const { table, holder } of sides) for (const [gauge, amount] of gauges) table.change(holder, gauge, amount)
    return undefined
  }
  free(who: Who, held: Held): void {
    for (const { table, holder } of this.#sidesOf(who)) {
      for (const [gauge, amount] of Object.entries(held) as [Gauge, number][]) table.change(holder, gauge, -amount)
    }
  }
  #sidesOf({ account, address }: Who): Side[] {
    const sides: Side[] = []
    if (this.#accounts && account !== undefined) {
      sides.push({ of: 'account', table: this.#accounts, holder: this.#accounts.find(account) })
    }
    if (this.#addresses && address !== undefined) {
      sides.push({ of: 'address', table: this.#addresses, holder: this.#addresses.find(address) })
    }
    return sides
  }
}

const NAMES: Readonly<Record<keyof HolderLimits, string>> = {
  sockets: 'open sockets',
  eventStreams: 'open event streams',
  topics: 'joined topics',
  joinsPerMinute: 'joins in a minute',
  framesPerSecond: 'messages in a second',
  frameBytesPerSecond: 'bytes in a second',
  presencePerSecond: 'changes of presence in a second',
  requestsPerMinute: 'requests in a minute',
  requestBytesPerMinute: 'bytes of requests in a minute',
  messagesPerMinute: 'broadcasts in a minute',
  feedReadsPerMinute: 'reads of feeds in a minute',
}

export const textOfRefusal = ({ limit, of }: Refusal): string => `Too many ${NAMES[limit]} of one ${of}`
