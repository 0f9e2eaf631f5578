import { DriverError } from '@msc/core'
import type { Counter, ScanPage } from '../driver.ts'
import { globToRegExp } from '../glob.ts'

/**
 * Reads what a server that speaks Redis answers, one reader for each shape. What has another shape was written by
 * something else, or for another request: it is a failure of the store, never a value, a lease or a key to delete.
 *
 * Integers may come as text: not every client has them as numbers. Each throws a `DriverError`, `DRIVER_NOT_THE_BACKEND`.
 */
export interface ReplyReaders {
  /** The error that says so. */
  foreign(command: string): DriverError
  /** A bulk string, or nil. */
  text(reply: unknown, command: string): string | undefined
  /** As many bulk strings or nils as were asked for. */
  texts(reply: unknown, command: string, length: number): readonly (string | undefined)[]
  /** An integer, from `min` to `max` where they are given. */
  integer(reply: unknown, command: string, min?: number, max?: number): number
  /** Any finite number. */
  number(reply: unknown, command: string): number
  /** 1 or 0. */
  flag(reply: unknown, command: string): boolean
  /** The simple string that says yes. */
  done(reply: unknown, command: string, word?: 'OK' | 'PONG'): void
  /** A list, of a known length where one is given. */
  list(reply: unknown, command: string, length?: number): readonly unknown[]
  /** What `INCREMENT` returns. */
  counter(reply: unknown): Counter
  /** A page of SCAN, with those of its keys that match the pattern as every driver reads it. */
  page(reply: unknown, pattern: string): ScanPage
}

/**
 * @param driver Its name.
 * @param address What to check where something else answers: `Check REDIS_URL.`
 */
export function replyReaders(driver: string, address?: string): ReplyReaders {
  const foreign = (command: string): DriverError =>
    new DriverError(driver, `${command} was answered with something else than it returns.`, {
      code: 'DRIVER_NOT_THE_BACKEND',
      retryable: true,
      ...(address !== undefined && { hint: `${address} Something else than Redis may answer there.` }),
    })
  const refuse = (command: string): never => {
    throw foreign(command)
  }
  const number: ReplyReaders['number'] = (reply, command) => {
    const value = typeof reply === 'string' && reply.trim() !== '' ? Number(reply) : reply
    return typeof value === 'number' && Number.isFinite(value) ? value : refuse(command)
  }
  const integer: ReplyReaders['integer'] = (reply, command, min = -Infinity, max = Infinity) => {
    const value = number(reply, command)
    return Number.isInteger(value) && value >= min && value <= max ? value : refuse(command)
  }
  const text: ReplyReaders['text'] = (reply, command) => {
    if (typeof reply === 'string') return reply
    return reply === null || reply === undefined ? undefined : refuse(command)
  }
  const list: ReplyReaders['list'] = (reply, command, length) =>
    Array.isArray(reply) && (length === undefined || reply.length === length) ? reply : refuse(command)

  return {
    foreign,
    text,
    texts: (reply, command, length) => list(reply, command, length).map((each) => text(each, command)),
    integer,
    number,
    flag(reply, command) {
      const value = integer(reply, command)
      return value === 0 || value === 1 ? value === 1 : refuse(command)
    },
    done(reply, command, word = 'OK') {
      if (reply !== word) refuse(command)
    },
    list,
    counter(reply) {
      const [value, ttlMs] = list(reply, 'INCRBY', 2)
      return { value: integer(value, 'INCRBY'), ttlMs: integer(ttlMs, 'INCRBY', 0) }
    },
    page(reply, pattern) {
      const [next, found] = list(reply, 'SCAN', 2)
      const cursor = String(next)
      if (!/^\d+$/.test(cursor)) refuse('SCAN')
      const matches = globToRegExp(pattern)
      const keys = list(found, 'SCAN')
        .map((key) => text(key, 'SCAN') ?? refuse('SCAN'))
        .filter((key) => matches.test(key))
      return cursor === '0' ? { keys } : { keys, cursor }
    },
  }
}

/**
 * Does a server say that it only reads? Before version 7, and in what came of it, an error in a script stands behind words of
 * its own: `ERR Error running script (call to f_…): @user_script:1: -READONLY You can't write against a read only replica.`
 */
export function isReadOnly(reason: string): boolean {
  return /(?:^|[\s-])READONLY /.test(reason)
}

/**
 * The error that a refusal by Redis means: what it says after `-`, or as `error` over HTTP.
 *
 * @param reason At most 200 characters of it are repeated. It must hold no secret.
 * @param credentials What to check where it is about those: `Check the password in REDIS_URL.`
 */
export function refusal(driver: string, reason: string, credentials: string): DriverError {
  const message = `The server refused the command: ${reason.slice(0, 200)}`
  if (/^(?:NOAUTH|WRONGPASS|NOPERM)|\bunauthorized\b/i.test(reason)) {
    return new DriverError(driver, message, { code: 'DRIVER_UNAUTHORIZED', hint: credentials })
  }
  if (/\bmax (?:daily |monthly )?requests? limit exceeded/i.test(reason)) {
    const hint = "The account's quota is used up: raise it, or wait for the next period."
    return new DriverError(driver, message, { code: 'DRIVER_QUOTA', hint })
  }
  if (isReadOnly(reason)) {
    const hint = 'What answers is a replica: the address has to lead to the primary, which a failover may have moved.'
    return new DriverError(driver, message, { code: 'DRIVER_READ_ONLY', retryable: true, hint })
  }
  const passing = /^(?:LOADING|BUSY|TRYAGAIN|MASTERDOWN|CLUSTERDOWN|UNBLOCKED|OOM|NOREPLICAS|MISCONF)/.test(reason)
  return new DriverError(driver, message, { code: 'DRIVER_REFUSED', retryable: passing })
}
