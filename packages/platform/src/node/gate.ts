import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import {
  ConfigError,
  assertList,
  assertMethods,
  assertNumbers,
  assertPorts,
  assertText,
  deadline,
  reportFailure,
  runReported,
  systemClock,
  type Clock,
  type NumberRule,
} from '@msc/core'
import { UNKNOWN_ADDRESS } from '../profile/client-address.ts'
import { createAllowances, type Allowance, type Allowances } from './allowances.ts'
import { plainPath } from './plain-address.ts'
import { refuse, refuseForm, refuseParameters } from './refuse.ts'
import { createTurns, type Turns } from './turns.ts'

/** What may come to one group of paths. */
export interface GateRule {
  /** Names the group in `onRefused`. */
  readonly name: string
  /** Path prefixes, such as `/devtools`: the path itself and everything below it. `/` is everything. */
  readonly paths: readonly string[]
  /** For all requests from one address. */
  readonly perAddress: Allowance
  /** For all requests of one account, wherever it sends them from. */
  readonly perAccount?: Allowance
  /**
   * Milliseconds from one request that goes on to the next, of all clients together, for what costs the server much. Those that
   * come together wait, and each client has its turn in order. Default 0: one goes on in each turn of the event loop.
   */
  readonly paceMs?: number
  /**
   * Those who are known. They have every second turn and half of the room, however many others wait, and the others have the same:
   * being known is no way to keep everybody else out.
   */
  readonly prefers?: (request: IncomingMessage) => boolean
  /** How many requests may wait for their turn; of more, the last of the client that has the most is refused. Default 1 000. */
  readonly maxWaiting?: number
}

/** What was used up: an allowance, or the room for those that wait. */
export type RefusedBy = 'address' | 'account' | 'waiting'

export interface GateOptions {
  /** The first rule whose path fits decides. A request that fits none is admitted. */
  readonly rules: readonly GateRule[]
  /** Returns the address that a request is counted by; see `stampClientAddress`. */
  readonly addressOf: (request: IncomingMessage) => string
  /**
   * Returns the account that a request is sent with. It is asked only for rules with `perAccount`. One that fails or takes over
   * a second is reported, and the request then counts for its address alone.
   */
  readonly accountOf?: (request: IncomingMessage) => Promise<string | undefined>
  /** Called with each refusal. */
  readonly onRefused?: (refusal: { readonly rule: string; readonly by: RefusedBy }) => void
  /** The most addresses and accounts that are remembered, each. The one that was idle longest is forgotten. Default 20 000. */
  readonly maxClients?: number
  /**
   * The most parameters that an address may have behind its question mark; more are answered 414, whatever the rules say.
   * Frameworks take seconds for thousands of one name. Default 100.
   */
  readonly maxParameters?: number
  readonly clock?: Clock
}

export interface Gate {
  /**
   * Counts a request and its bytes, and resolves to whether it may go on. If not, it has been answered with 429 and
   * `Retry-After`, 414 or 400, and a problem document, or a page for a browser that asks for one. The bytes of a request and of
   * its answer are counted when the answer has been sent, so that they refuse the next one. Those of one rule that come together
   * go on one after the other, so that a burst does not keep everybody else waiting. Never rejects.
   *
   * What goes on has an address in plain form, which all routers read alike: no dot segments, however encoded, no backslashes, and
   * no name of a host, which is taken off. Any other is answered 400.
   */
  admit(request: IncomingMessage, response: ServerResponse): Promise<boolean>
}

interface Counted {
  readonly rule: GateRule
  readonly addresses: Allowances
  readonly accounts: Allowances | undefined
  readonly turns: Turns
}

/** Milliseconds that a request waits for its account. */
const ACCOUNT_MS = 1000

/**
 * Makes the gate in front of everything that a server answers: pages, consoles, ingests, callbacks. It counts in the memory of
 * this process, at the cost of some microseconds, so that a flood is refused before it reaches any store; limits that all
 * servers share are those of `createRoutes`.
 *
 * @throws ConfigError `OPTION_INVALID` for rules without a path or with an invalid number.
 */
export function createGate(options: GateOptions): Gate {
  assertNumbers('platform', options, { maxClients: 1, maxParameters: 1 })
  assertMethods('platform', 'options', options, ['addressOf'], ['accountOf', 'onRefused'])
  assertPorts('platform', options)
  assertList('platform', 'rules', options.rules)
  const { clock = systemClock, maxClients = 20_000, maxParameters = 100, addressOf, accountOf, onRefused } = options
  const counted = options.rules.map((rule, index): Counted => {
    assertRule(rule, `rules[${index}]`)
    if (rule.perAccount && !accountOf) {
      throw invalid(
        `the rule ${JSON.stringify(rule.name)} has \`perAccount\``,
        'Pass `accountOf`, by which accounts are told apart.',
      )
    }
    const allowances = (allowance: Allowance): Allowances => createAllowances(allowance, { clock, maxClients })
    const { perAddress, perAccount, paceMs = 0, maxWaiting = 1000 } = rule
    const turns = createTurns({ gapMs: paceMs, most: maxWaiting, clock })
    return { rule, addresses: allowances(perAddress), accounts: perAccount && allowances(perAccount), turns }
  })
  const marks = new WeakMap<Socket, number>()

  const account = async (request: IncomingMessage): Promise<string | undefined> => {
    try {
      const asked = accountOf?.(request)
      return asked && (await deadline(() => asked, { operation: '[msc/platform] accountOf', timeoutMs: ACCOUNT_MS }))
    } catch (error) {
      reportFailure(error, { concern: 'platform', operation: 'accountOf' })
      return undefined
    }
  }

  const addressOrUnknown = (request: IncomingMessage): string => {
    try {
      return addressOf(request)
    } catch (error) {
      reportFailure(error, { concern: 'platform', operation: 'addressOf' })
      return UNKNOWN_ADDRESS
    }
  }

  return {
    async admit(request, response) {
      if (hasMoreParameters(request.url, maxParameters)) {
        refuseParameters(request, response, maxParameters)
        return false
      }
      const path = plainPath(request)
      if (path === undefined) {
        refuseForm(request, response)
        return false
      }
      const found = counted.find(({ rule }) => rule.paths.some((prefix) => isBelow(path, prefix)))
      if (!found) return true
      const { rule, addresses, accounts, turns } = found
      const refused = (by: RefusedBy, retryAfterMs: number): false => {
        runReported(() => onRefused?.({ rule: rule.name, by }), { concern: 'platform', operation: 'onRefused' })
        refuse(request, response, retryAfterMs)
        return false
      }
      const address = addressOrUnknown(request)
      const waitForAddress = addresses.take(address)
      if (waitForAddress > 0) return refused('address', waitForAddress)
      const user = accounts && (await account(request))
      const waitForAccount = user === undefined ? 0 : (accounts?.take(user) ?? 0)
      if (waitForAccount > 0) return refused('account', waitForAccount)
      const gone = (): boolean => response.destroyed
      const preferred = isPreferred(rule, request)
      if (!(await turns.take(address, gone, preferred))) return refused('waiting', turns.waiting * (rule.paceMs ?? 0))
      // Whoever has gone meanwhile needs no answer.
      if (gone()) return false
      response.once('close', () => {
        const bytes = bytesSince(marks, request.socket)
        addresses.charge(address, bytes)
        if (user !== undefined) accounts?.charge(user, bytes)
      })
      return true
    },
  }
}

/** Returns the bytes, in and out, that the connection has carried since the last call. */
function bytesSince(marks: WeakMap<Socket, number>, socket: Socket): number {
  const total = socket.bytesRead + socket.bytesWritten
  const bytes = Math.max(0, total - (marks.get(socket) ?? 0))
  marks.set(socket, total)
  return bytes
}

function isPreferred({ prefers }: GateRule, request: IncomingMessage): boolean {
  try {
    return prefers?.(request) === true
  } catch (error) {
    reportFailure(error, { concern: 'platform', operation: 'prefers' })
    return false
  }
}

function hasMoreParameters(target: string | undefined, most: number): boolean {
  const [, ...queries] = (target ?? '').split('?')
  return queries.join('?').split('&', most + 1).length > most
}

function isBelow(path: string, prefix: string): boolean {
  return prefix === '/' || path === prefix || path.startsWith(`${prefix}/`)
}

const ALLOWANCE: Readonly<Record<keyof Allowance, NumberRule>> = {
  calls: { least: 1, required: true },
  bytes: { least: 1, required: true },
  windowSeconds: { least: 1, required: true },
}

function assertRule(rule: GateRule, place: string): void {
  assertNumbers('platform', rule, { paceMs: 0, maxWaiting: 1 }, place)
  const { name, paths, perAddress, perAccount } = rule
  assertText('platform', `${place}.name`, name)
  assertMethods('platform', `the rule ${JSON.stringify(name)}`, rule, [], ['prefers'])
  assertNumbers('platform', perAddress, ALLOWANCE, `${place}.perAddress`)
  if (perAccount !== undefined) assertNumbers('platform', perAccount, ALLOWANCE, `${place}.perAccount`)
  const isPath = (path: unknown): boolean => typeof path === 'string' && /^\/(?:.*[^/])?$/.test(path)
  if (Array.isArray(paths) && paths.length > 0 && paths.every(isPath)) return
  throw invalid(
    `the rule ${JSON.stringify(name)} has no paths, or one that is not a path`,
    'Pass path prefixes that begin with a slash and do not end with one, such as /devtools; / is everything.',
  )
}

function invalid(what: string, hint: string): ConfigError {
  return new ConfigError(`[msc/platform] The gate can not be made: ${what}.`, { code: 'OPTION_INVALID', hint })
}
