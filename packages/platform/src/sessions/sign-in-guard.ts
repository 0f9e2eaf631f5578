import type { RateLimitOptions, RateLimitResult, RateLimitRule } from '@msc/cache'
import {
  ValidationError,
  assertChoice,
  assertList,
  assertMethods,
  assertNumbers,
  assertOptions,
  assertPorts,
  deadline,
  reportFailure,
  systemClock,
  type Clock,
  type ErrorReporter,
  type NumberRule,
} from '@msc/core'
import { addressGroup } from '@msc/core/http-request'
import type { Database } from '../database/database.ts'
import { sha256 } from '../sha256.ts'
import {
  insertFailure,
  lastSignIn,
  listFailures,
  remember,
  type FailedSignIn,
  type KnownPair,
} from './failed-sign-ins.ts'
import { createFloor, type Floor } from './sign-in-floor.ts'
import { ADDRESS_RULES, growingDelays } from './sign-in-limits.ts'

export interface SignInGuardOptions {
  /** Has to have {@link sessionsMigration}. Old rows are removed by {@link createSessions} on the same database. */
  readonly database: Database
  /** `rateLimit` of @msc/cache. Its keys are hashes. */
  rateLimit(id: string, limit: number, windowSeconds: number, options: RateLimitOptions): Promise<RateLimitResult>
  /** For all attempts from one address, on whichever accounts. Default 20 a minute, 100 in 15 minutes, 500 a day. */
  readonly addressRules?: readonly RateLimitRule[]
  /** For one account, and again for each address from which it has signed in before. Default {@link growingDelays}. */
  readonly accountRules?: readonly RateLimitRule[]
  /** Milliseconds that the limiter and the database may take, each. Default 2 000. */
  readonly timeoutMs?: number
  readonly clock?: Clock
  /** Called with what fails where the guard goes on without it. */
  readonly onError?: ErrorReporter
}

export interface SignInAttempt {
  /** The name of the account as the client sent it, for example an e-mail address. Case and outer spaces don't count. */
  readonly account: string
  /** From `clientAddress`. With `undefined` or `unknown` only the account is limited. */
  readonly address: string | undefined
}

export type SignInVerdict =
  | {
      readonly allowed: true
      /** For `verify` of `createPasswords`: those who have signed in to the account from there wait apart from all others. */
      readonly place: SignInPlace
    }
  | {
      readonly allowed: false
      /** Milliseconds after which another attempt may be allowed. */
      readonly retryAfterMs: number
    }

export interface SignInCheckOptions {
  /**
   * Says whether a password can be looked at now. An attempt for which that is not so is refused for two seconds and not counted: its
   * owner has done nothing.
   */
  readonly hasRoom?: (place: SignInPlace) => boolean
}

/** Whose turn a password is compared in. */
export interface SignInPlace {
  readonly preferred: boolean
  /** A hash: of the account for those who are preferred, else of the address. */
  readonly client: string
}

export interface FailurePage {
  readonly failures: readonly FailedSignIn[]
  /** Pass it as `before` for the next page; `undefined` on the last one. */
  readonly next: string | undefined
}

/** Stands before the password: decides whether an attempt may be made at all. */
export interface SignInGuard {
  /**
   * Counts one attempt, before its password is looked at. Somebody who signs in from where they have signed in before has a
   * count of their own, so that nobody elsewhere can keep them out. At the same address nobody can keep them out by attempts on
   * other accounts; attempts on theirs count as theirs.
   *
   * This process counts along with the limiter, in bounded memory that no number of names or addresses can flush, and alone
   * while the limiter's store is away. While the database is away, every address counts as strange. Both are reported.
   */
  check(attempt: SignInAttempt, options?: SignInCheckOptions): Promise<SignInVerdict>
  /** Remembers that the account has signed in from the address. Never rejects. */
  succeeded(attempt: SignInAttempt): Promise<void>
  /** Writes a failure down for administrators to see; 100 000 are kept, for 90 days. Never rejects. */
  failed(attempt: SignInAttempt & { readonly reason?: string }): Promise<void>
  /**
   * Returns failures, the latest first.
   *
   * @param options.limit From 1 to 200, default 50. @param options.before `next` of the page before.
   * @throws ValidationError `SIGN_IN_CURSOR_INVALID`; the errors of the database.
   */
  recentFailures(options?: { readonly limit?: number; readonly before?: string | undefined }): Promise<FailurePage>
}

/** @throws ConfigError `OPTION_INVALID` for options that make no guard. */
export function createSignInGuard(options: SignInGuardOptions): SignInGuard {
  assertNumbers('sessions', options, { timeoutMs: 1 })
  assertMethods('sessions', 'options', options, ['rateLimit'])
  assertPorts('sessions', options)
  const { database, clock = systemClock, timeoutMs = 2000, onError } = options
  const { addressRules = ADDRESS_RULES, accountRules = growingDelays() } = options
  assertMethods('sessions', 'database', database, ['asService'])
  assertRules('addressRules', addressRules)
  assertRules('accountRules', accountRules)
  // Each of its own: whoever floods one with names of accounts has not touched those who are known.
  const known = createFloor(clock)
  const addresses = createFloor(clock)
  const accounts = createFloor(clock)
  const report = (error: unknown, operation: string): void =>
    reportFailure(error, { concern: 'sessions', operation }, onError)

  /** Returns the milliseconds to wait; 0 when the attempt is allowed. */
  const count = async (floor: Floor, id: string, rules: readonly RateLimitRule[]): Promise<number> => {
    const [first, ...and] = rules
    if (!first) return 0
    try {
      const call = (signal: AbortSignal): Promise<RateLimitResult> =>
        options.rateLimit(id, first.limit, first.windowSeconds, {
          ...(first.algorithm && { algorithm: first.algorithm }),
          and,
          onUnavailable: 'memory',
          signal,
        })
      const result = await deadline(call, { operation: '[msc/sessions] rateLimit', timeoutMs, clock })
      if (typeof result.allowed !== 'boolean') throw new TypeError('The limiter returned no `allowed`.')
      if (!result.allowed) return Math.max(1000, Number(result.retryAfter) * 1000 || 0)
    } catch (error) {
      report(error, 'rateLimit')
    }
    // In any case: a limiter that counts in memory forgets ids, and so may a store.
    return floor.wait(id, rules)
  }
  const isRoom = (hasRoom: SignInCheckOptions['hasRoom'], place: SignInPlace): boolean => {
    try {
      return hasRoom?.(place) !== false
    } catch (error) {
      report(error, 'hasRoom')
      return true
    }
  }
  const signedInAt = async (pair: KnownPair): Promise<string | undefined> => {
    try {
      return await database.asService((tx) => lastSignIn(tx, pair), { timeoutMs })
    } catch (error) {
      report(error, 'isKnown')
      return undefined
    }
  }

  return {
    async check(attempt, given = {}) {
      assertOptions('sessions', given)
      const { hasRoom } = given
      const { account, address } = await hashesOf(attempt)
      let wait = 0
      const last = address === undefined ? undefined : await signedInAt({ account, address })
      const preferred = last !== undefined
      const place = { preferred, client: preferred ? account : (address ?? account) }
      if (!isRoom(hasRoom, place)) return { allowed: false, retryAfterMs: NO_ROOM_MS }
      if (last !== undefined) {
        // Each sign-in begins a new count: whoever knows the password is not kept waiting for having used it.
        wait = await count(known, `sign-in:known:${await sha256(`${account}${address}${last}`)}`, accountRules)
      } else {
        if (address !== undefined) wait = await count(addresses, `sign-in:address:${address}`, addressRules)
        if (wait === 0) wait = await count(accounts, `sign-in:account:${account}`, accountRules)
      }
      return wait === 0 ? { allowed: true, place } : { allowed: false, retryAfterMs: wait }
    },
    async succeeded(attempt) {
      const { account, address } = await hashesOf(attempt)
      if (address === undefined) return
      await database
        .asService((tx) => remember(tx, { account, address }), { timeoutMs })
        .catch((error: unknown) => report(error, 'succeeded'))
    },
    async failed({ account, address, reason = 'credentials' }) {
      const row = { account: String(account), address, reason }
      await database
        .asService((tx) => insertFailure(tx, row), { timeoutMs })
        .catch((error: unknown) => report(error, 'failed'))
    },
    async recentFailures(given = {}) {
      assertOptions('sessions', given)
      const { limit = 50, before } = given
      const most = Number.isInteger(limit) ? Math.min(200, Math.max(1, limit)) : 50
      if (before !== undefined && !/^\d{1,18}$/.test(before)) throw cursorInvalid()
      const failures = await database.asService((tx) => listFailures(tx, before, most + 1))
      const page = failures.slice(0, most)
      return { failures: page, next: failures.length > most ? page.at(-1)?.id : undefined }
    },
  }
}

const NO_ROOM_MS = 2000

const RULE: Readonly<Record<string, NumberRule>> = {
  limit: { least: 0, required: true },
  windowSeconds: { least: 1, most: 1e10, required: true },
}

/** The floor of this process would count under a rule that the limiter refuses: with NaN, it would refuse nobody. */
function assertRules(option: string, rules: unknown): void {
  assertList('sessions', option, rules)
  for (const [index, rule] of rules.entries()) {
    const place = `${option}[${index}]`
    assertNumbers('sessions', rule, RULE, place)
    const { algorithm } = rule as { readonly algorithm?: unknown }
    assertChoice('sessions', `${place}.algorithm`, algorithm, [undefined, 'fixed', 'sliding', 'token-bucket'])
  }
}

/** No name of a person leaves for the store. Much text is as good as its first thousand characters. */
async function hashesOf(attempt: SignInAttempt): Promise<{ account: string; address: string | undefined }> {
  // Everybody who is unknown would share one address.
  const address = attempt.address === 'unknown' ? undefined : attempt.address
  const name = String(attempt.account).slice(0, 1000).normalize('NFKC').trim().toLowerCase()
  return {
    account: await sha256(`account\n${name}`),
    address:
      address === undefined ? undefined : await sha256(`address\n${addressGroup(address) ?? address.slice(0, 64)}`),
  }
}

function cursorInvalid(): ValidationError {
  return new ValidationError(
    '`before` is no place in the list of failures.',
    [{ message: 'must be `next` of the page before', path: 'before' }],
    { code: 'SIGN_IN_CURSOR_INVALID', hint: 'Pass `next` of the page before, or leave it out.' },
  )
}
