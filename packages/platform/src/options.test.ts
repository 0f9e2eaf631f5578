import { createServer } from 'node:http'
import { ConfigError } from '@msc/core'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { pglite } from './database/drivers/pglite.ts'
import * as platform from './index.ts'
import * as node from './node/index.ts'

const nothing = async (): Promise<undefined> => undefined
const done = (): void => undefined
const database = { asService: nothing, client: nothing, driverName: 'none' }
const allowance = { calls: 1, bytes: 1, windowSeconds: 1 }
const rule = { name: 'pages', paths: ['/'], perAddress: allowance }
const ports = { authenticate: nothing, rateLimit: nothing, capture: done }
const request = { headers: new Headers() }

/** What is tried for each option, beside leaving it out. */
const VALUES: readonly unknown[] = [null, Number.NaN, -1, 1.5, Infinity, 1e300, '5', 'Required', true, [], [null], {}]
const MISSING = Symbol('missing')

/** What an option takes of these; `[MISSING]` where it has a default. */
type Taken = readonly unknown[]
const COUNT: Taken = [MISSING]
const TIME: Taken = [MISSING, 1.5]
const LONG_TIME: Taken = [MISSING]
const FUNCTION: Taken = [MISSING]
const OBJECT: Taken = [MISSING]
const REQUIRED: Taken = []
const SWITCH: Taken = [MISSING, true]
const TEXT: Taken = [MISSING, '5', 'Required']
const DURATION: Taken = [MISSING, 1.5]
const PORTS = { clock: OBJECT, onError: FUNCTION }

interface Maker {
  readonly make: (options: never) => unknown
  /** Options with which it can be made. */
  readonly base: Readonly<Record<string, unknown>>
  readonly takes: Readonly<Record<string, Taken>>
  /** True where the whole may be left out. */
  readonly mayLack?: boolean
}

const makers: Readonly<Record<string, Maker>> = {
  createPlatform: {
    make: platform.createPlatform,
    base: { services: {} },
    takes: { services: [{}], timeoutMs: TIME },
  },
  createRoutes: {
    make: platform.createRoutes,
    base: ports,
    takes: {
      authenticate: REQUIRED,
      rateLimit: REQUIRED,
      capture: REQUIRED,
      observe: FUNCTION,
      clientAddress: [MISSING, {}],
      idempotency: OBJECT,
    },
  },
  route: {
    make: platform.createRoutes(ports as never),
    base: { route: '/api/a', handler: done, body: z.string() },
    takes: {
      route: ['5', 'Required'],
      auth: [MISSING],
      role: TEXT,
      body: OBJECT,
      maxBytes: COUNT,
      limit: [MISSING],
      form: FUNCTION,
      idempotency: [MISSING],
      handler: REQUIRED,
    },
  },
  'the limit of a route': {
    make: (limit) => platform.createRoutes(ports as never)({ route: '/api/a', handler: done as never, limit }),
    base: { calls: 0, windowSeconds: 1 },
    takes: { calls: REQUIRED, windowSeconds: REQUIRED },
    mayLack: true,
  },
  createDatabase: {
    make: platform.createDatabase,
    base: { driver: pglite() },
    takes: { timeoutMs: TIME, ...PORTS },
  },
  createDatabaseFromEnv: {
    make: (options) => platform.createDatabaseFromEnv(options, {}),
    base: {},
    takes: { folder: TEXT, timeoutMs: TIME, ...PORTS },
    mayLack: true,
  },
  createSessions: {
    make: platform.createSessions,
    base: { database, loadUser: nothing },
    takes: {
      database: REQUIRED,
      loadUser: REQUIRED,
      cache: OBJECT,
      cacheSeconds: TIME,
      lifetime: DURATION,
      idle: DURATION,
      maxPerUser: COUNT,
      secure: SWITCH,
      timeoutMs: TIME,
      ...PORTS,
    },
  },
  createSignInGuard: {
    make: platform.createSignInGuard,
    base: { database, rateLimit: nothing },
    takes: {
      database: REQUIRED,
      rateLimit: REQUIRED,
      // No limit of that kind.
      addressRules: [MISSING, []],
      accountRules: [MISSING, []],
      timeoutMs: TIME,
      ...PORTS,
    },
  },
  'a rule of the sign-in guard': {
    make: (each) => platform.createSignInGuard({ database, rateLimit: nothing, accountRules: [each] } as never),
    base: { limit: 1, windowSeconds: 1 },
    takes: { limit: REQUIRED, windowSeconds: REQUIRED, algorithm: [MISSING] },
  },
  growingDelays: {
    make: platform.growingDelays,
    base: {},
    takes: { free: COUNT, firstSeconds: COUNT, mostSeconds: COUNT },
    mayLack: true,
  },
  createIdempotency: {
    make: platform.createIdempotency,
    base: { database },
    takes: {
      database: REQUIRED,
      keep: DURATION,
      leaseMs: LONG_TIME,
      maxBytes: COUNT,
      maxPerCaller: COUNT,
      headers: [MISSING, []],
      timeoutMs: TIME,
      ...PORTS,
    },
  },
  createOutbox: {
    make: platform.createOutbox,
    base: { database, deliver: { a: done } },
    takes: {
      database: REQUIRED,
      deliver: REQUIRED,
      elsewhere: [MISSING, []],
      concurrency: COUNT,
      maxBytes: COUNT,
      timeoutMs: TIME,
      leaseMs: LONG_TIME,
      pollMs: LONG_TIME,
      keepMs: TIME,
      unknownAfterMs: TIME,
      random: FUNCTION,
      ...PORTS,
    },
  },
  createFormMemory: {
    make: platform.createFormMemory,
    base: { get: nothing, set: nothing },
    takes: { get: REQUIRED, set: REQUIRED },
  },
  securityHeaders: { make: platform.securityHeaders, base: { secure: true }, takes: { secure: [true] } },
  pagePolicy: {
    make: platform.pagePolicy,
    base: { nonce: platform.newNonce() },
    takes: {
      nonce: ['5', 'Required'],
      // What is no address is left out.
      connect: [MISSING, [], [null]],
      development: SWITCH,
    },
  },
  assertSecrets: {
    make: (options) => platform.assertSecrets({}, {}, options),
    base: {},
    takes: { realtimeTokens: [MISSING] },
    mayLack: true,
  },
  'a rule of assertSecrets': {
    make: (each) => platform.assertSecrets({}, { A_SECRET: each }),
    base: { minBytes: 16, purpose: 'opens it' },
    takes: { minBytes: REQUIRED, purpose: ['5', 'Required'] },
  },
  clientAddress: {
    make: (options) => platform.clientAddress(request, options),
    base: {},
    takes: { trustedHops: COUNT, header: [MISSING, 'Required'] },
    mayLack: true,
  },
  stampClientAddress: {
    make: (options) => platform.stampClientAddress({ headers: {}, socket: {} }, options),
    base: {},
    takes: { trustedHops: COUNT, header: [MISSING, 'Required'] },
    mayLack: true,
  },
  sessionCookieName: {
    make: platform.sessionCookieName,
    base: {},
    takes: { secure: SWITCH },
    mayLack: true,
  },
  createGate: {
    make: node.createGate,
    base: { rules: [rule], addressOf: done },
    takes: {
      rules: [[]],
      addressOf: REQUIRED,
      accountOf: FUNCTION,
      onRefused: FUNCTION,
      maxClients: COUNT,
      maxParameters: COUNT,
      clock: OBJECT,
    },
  },
  'a rule of the gate': {
    make: (each) => node.createGate({ rules: [each], addressOf: () => 'a', accountOf: nothing }),
    base: rule,
    takes: {
      name: ['5', 'Required'],
      paths: REQUIRED,
      perAddress: REQUIRED,
      perAccount: OBJECT,
      paceMs: TIME,
      prefers: FUNCTION,
      maxWaiting: COUNT,
    },
  },
  'an allowance of the gate': {
    make: (perAddress) => node.createGate({ rules: [{ ...rule, perAddress }], addressOf: () => 'a' }),
    base: allowance,
    takes: { calls: REQUIRED, bytes: REQUIRED, windowSeconds: REQUIRED },
  },
  limitConnections: {
    make: (limits) => node.limitConnections(createServer(), limits),
    base: {},
    takes: { most: COUNT, perAddress: [MISSING, Infinity, 1e300], idleMs: TIME },
    mayLack: true,
  },
  createPasswords: {
    make: node.createPasswords,
    base: {},
    takes: { maxWaiting: COUNT, timeoutMs: TIME, idleMs: TIME },
    mayLack: true,
  },
}

/** Returns what making it has thrown, and `undefined` where it was made. */
function refusalOf(make: () => unknown): unknown {
  try {
    make()
    return undefined
  } catch (error) {
    return error
  }
}

const isTaken = (taken: Taken, value: unknown): boolean =>
  taken.some(
    (each) => Object.is(each, value) || (Array.isArray(each) && JSON.stringify(each) === JSON.stringify(value)),
  )
// Two objects without properties are one value here.
const isEmpty = (value: unknown): boolean => JSON.stringify(value) === '{}'
const shown = (value: unknown): string => (typeof value === 'object' ? JSON.stringify(value) : String(value))

describe.each(Object.entries(makers))('%s', (maker, { make, base, takes, mayLack = false }) => {
  const run = make as (options: unknown) => unknown

  it('can be made', () => {
    expect(refusalOf(() => run(base))).toBeUndefined()
  })

  it.each(Object.entries(takes))(
    'takes the documented values of `%s` and refuses all others when it is made',
    (name, taken) => {
      for (const value of [...VALUES, MISSING]) {
        const { [name]: _, ...others } = base
        const options = value === MISSING ? others : { ...others, [name]: value }
        const refusal = refusalOf(() => run(options))
        if (isTaken(taken, value) || (isEmpty(value) && taken.some(isEmpty))) {
          expect(refusal, shown(value)).toBeUndefined()
          continue
        }
        expect(refusal, `${name}: ${shown(value)}`).toBeInstanceOf(ConfigError)
        expect(refusal).toMatchObject({ code: 'OPTION_INVALID', message: expect.stringContaining(name) })
        expect((refusal as ConfigError).hint).toMatch(/^[A-Z].*\.$/)
      }
    },
  )

  it.each([undefined, null, 5, 'text', [], Number.NaN])('refuses to be made of %o', (options) => {
    if (options === undefined && mayLack) return
    const refusal = refusalOf(() => run(options))
    expect(refusal).toBeInstanceOf(ConfigError)
    expect(refusal).toMatchObject({ code: 'OPTION_INVALID' })
  })
})

describe('a mistyped option of a route', () => {
  it('is refused when the route is made, and never opens it', () => {
    const route = platform.createRoutes(ports as never)
    for (const auth of ['Required', 'require', 'REQUIRED', null, true, '']) {
      const options = { route: '/api/a', handler: done, auth }
      expect(refusalOf(() => route(options as never))).toMatchObject({ code: 'OPTION_INVALID' })
    }
  })
})

it('covers every maker', () => {
  const all = [...Object.keys(platform), ...Object.keys(node)].filter((name) => /^(?:create|limit|growing)/.test(name))
  expect(Object.keys(makers)).toEqual(expect.arrayContaining(all))
})

it.each([null, 5, { command: '' }, { command: 5 }])('owns no folder with %j as options', (options) => {
  expect(refusalOf(() => node.ownFolder('no-such-folder', options as never))).toMatchObject({ code: 'OPTION_INVALID' })
})
