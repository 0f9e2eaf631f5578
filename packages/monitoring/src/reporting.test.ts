import { runInNewContext } from 'node:vm'
import { setErrorReporter, withScope } from '@msc/core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  addBreadcrumb,
  captureException,
  captureMessage,
  getDefaultMonitoring,
  setDefaultMonitoring,
  setUser,
  unconfiguredCalls,
  withErrorTracking,
} from './default-monitoring.ts'
import { createMonitoring } from './create-monitoring.ts'
import { fingerprintOf } from './event/fingerprint.ts'
import { parseStack } from './event/frames.ts'
import type { Signal } from './signals.ts'
import { errorValues } from './event/error-values.ts'
import { createEventCleaner } from './event/event-cleaner.ts'
import { readThrown } from './event/thrown.ts'

const shown = (thrown: unknown): object[] =>
  errorValues(readThrown(thrown), createEventCleaner()).map(({ name, message }) => ({ name, message }))

describe('with a wrong configuration', () => {
  const reported: string[] = []
  const restore: (() => void)[] = []
  const { NODE_ENV, NEXT_PUBLIC_SENTRY_DSN } = process.env
  beforeEach(() => {
    setDefaultMonitoring(undefined)
    reported.length = 0
    restore.push(setErrorReporter((error) => reported.push(error.message)))
    Object.assign(process.env, { NODE_ENV: 'production', NEXT_PUBLIC_SENTRY_DSN: 'not a dsn' })
  })
  afterEach(() => {
    for (const each of restore.splice(0)) each()
    Object.assign(process.env, { NODE_ENV, NEXT_PUBLIC_SENTRY_DSN: NEXT_PUBLIC_SENTRY_DSN ?? '' })
    setDefaultMonitoring(undefined)
  })

  it('refuses to be made, and never replaces an error of the application with its own', async () => {
    expect(() => getDefaultMonitoring()).toThrow(/DSN is not valid/)
    const before = unconfiguredCalls()
    expect(captureException(new Error('the application’s'))).toMatch(/^[\da-f]{32}$/)
    expect(captureMessage('hello')).toMatch(/^[\da-f]{32}$/)
    expect(() => addBreadcrumb('clicked')).not.toThrow()
    expect(() => setUser({ id: 'ana' })).not.toThrow()
    const failing = withErrorTracking(() => {
      throw new RangeError('the application’s own')
    }, 'work')
    expect(failing).toThrow(RangeError)
    const rejecting = withErrorTracking(async () => {
      throw new RangeError('rejected with its own')
    }, 'work')
    await expect(rejecting()).rejects.toThrow('rejected with its own')
    expect(unconfiguredCalls() - before).toBe(6)
    // Reported once, however many calls fail.
    expect(reported.length).toBeLessThanOrEqual(1)
  })
})

describe('a tracked function', () => {
  const sent: string[] = []
  beforeEach(() => {
    sent.length = 0
    setDefaultMonitoring(
      createMonitoring({
        telemetry: false,
        driver: {
          specificationVersion: 1,
          name: 'kept',
          capabilities: { kinds: ['error'], limits: { maxItems: 10, maxBytes: 1e6, maxItemBytes: 1e6 } },
          async send(signals: readonly Signal[]) {
            for (const signal of signals) if (signal.kind === 'error') sent.push(signal.message)
            return {}
          },
          health: async () => undefined,
          close: async () => undefined,
        },
      }),
    )
  })
  afterEach(async () => {
    await getDefaultMonitoring().close()
    setDefaultMonitoring(undefined)
  })
  const arrived = async (): Promise<string[]> => {
    await getDefaultMonitoring().flush()
    return sent
  }

  it('does not start a returned query that runs when it is awaited, and keeps its methods', async () => {
    let started = 0
    const query = {
      filters: [] as string[],
      where(filter: string) {
        this.filters.push(filter)
        return this
      },
      // oxlint-disable-next-line unicorn/no-thenable -- what builders of queries are
      then(_resolve: unknown, reject: (error: Error) => void) {
        started += 1
        reject(new Error('no such table'))
      },
    }
    const load = withErrorTracking(() => query, 'load')
    const built = load()
    expect(started).toBe(0)
    expect(built.where('a').filters).toEqual(['a'])
    await expect(Promise.resolve(load() as unknown as Promise<never>)).rejects.toThrow('no such table')
    expect(await arrived()).toEqual(['no such table'])
  })

  it('reports an error of an async generator, and passes its values on', async () => {
    const pages = withErrorTracking(async function* () {
      yield 1
      throw new Error('second page is gone')
    }, 'pages')
    const seen: number[] = []
    await expect(
      (async () => {
        for await (const page of pages()) seen.push(page)
      })(),
    ).rejects.toThrow('second page is gone')
    expect(seen).toEqual([1])
    expect(await arrived()).toEqual(['second page is gone'])
  })

  it('returns the same promise as the original function', async () => {
    const promise = Promise.resolve(1)
    expect(withErrorTracking(() => promise, 'same')()).toBe(promise)
    expect(
      withErrorTracking(
        withErrorTracking(() => promise, 'inner'),
        'outer',
      )(),
    ).toBe(promise)
  })
})

describe('a thrown value', () => {
  it('is read completely when it is an aggregate: members, causes and their own properties', () => {
    const failed = Object.assign(new Error('second'), { status: 503 })
    const error = new AggregateError([new TypeError('first'), failed], 'all failed', { cause: new Error('why') })
    expect(
      readThrown(error).map(({ name, message, id, parent, isGroup, properties }) => ({
        name,
        message,
        id,
        parent,
        isGroup,
        properties,
      })),
    ).toEqual([
      { name: 'AggregateError', message: 'all failed', id: 0, isGroup: true },
      { name: 'Error', message: 'why', id: 1, isGroup: false, parent: { id: 0, source: 'cause' } },
      { name: 'TypeError', message: 'first', id: 2, isGroup: false, parent: { id: 0, source: 'errors[0]' } },
      {
        name: 'Error',
        message: 'second',
        id: 3,
        isGroup: false,
        parent: { id: 0, source: 'errors[1]' },
        properties: { status: 503 },
      },
    ])
  })

  it('counts as an error when it comes from another realm or only looks like one', () => {
    const foreign: unknown = runInNewContext('new RangeError("elsewhere")')
    expect(readThrown(foreign)[0]).toMatchObject({ name: 'RangeError', message: 'elsewhere' })
    const answer = { message: 'duplicate key', code: '23505', details: 'releases_pkey' }
    expect(readThrown(answer)[0]).toMatchObject({
      name: 'Error',
      message: 'duplicate key',
      properties: { code: '23505', details: 'releases_pkey' },
    })
  })

  it.each([
    [undefined, 'undefined'],
    [null, 'null'],
    [Symbol('s'), 'Symbol(s)'],
    [{ a: 1 }, '{"a":1}'],
    ['text', 'text'],
  ])('is described when it is %s', (thrown, message) => {
    expect(shown(thrown)).toEqual([{ name: 'Thrown', message }])
  })
})

describe('stacks', () => {
  it.each([
    ['    at load (/srv/app/lib/releases.ts:12:7)', { function: 'load', file: '/srv/app/lib/releases.ts', line: 12 }],
    ['    at async Promise.all (index 0)', { function: 'Promise.all', file: 'index 0' }],
    ['    at new Release (file:///srv/app/a.ts:1:2)', { function: 'Release', file: 'file:///srv/app/a.ts', column: 2 }],
    [
      '    at https://app.example/_next/static/chunks/05b4.js?dpl=x:1:99',
      { file: 'https://app.example/_next/static/chunks/05b4.js', line: 1, column: 99 },
    ],
    ['save@https://app.example/a.js:3:4', { function: 'save', file: 'https://app.example/a.js', line: 3, column: 4 }],
    ['    at Layer.handle (/srv/app/node_modules/express/index.js:1:1)', { function: 'Layer.handle', inApp: false }],
    ['    at process.processTicks (node:internal/process/task_queues:105:5)', { inApp: false }],
  ])('are read: %s', (line, expected) => {
    expect(parseStack(`Error: x\n${line}`)).toMatchObject([expected])
  })

  it('do not mistake an address in a message for a frame', () => {
    expect(parseStack('Error: no account for ana@msc.example\n    at load (/srv/a.ts:1:2)')).toHaveLength(1)
  })
})

describe('an issue', () => {
  const inBrowser = (chunk: string, line: number): string =>
    fingerprintOf({
      name: 'TypeError',
      message: "Cannot read properties of undefined (reading 'title')",
      stack: `TypeError: x\n    at t (https://app.example/_next/static/chunks/${chunk}.js:1:${line})`,
    })

  it('stays the same across deployments that name chunks by hash, in every browser', () => {
    expect(inBrowser('05b4eoic1jfh1', 200)).toBe(inBrowser('9k2ld0wq8zzz7', 9000))
    const firefox = fingerprintOf({
      name: 'TypeError',
      message: "Cannot read properties of undefined (reading 'title')",
      stack: 't@https://app.example/_next/static/chunks/0aaaaaaaaaaa1.js:1:77\n',
    })
    expect(firefox).toBe(inBrowser('05b4eoic1jfh1', 200))
  })

  it('is the same for all people, ids, paths and addresses in a message', () => {
    const of = (message: string): string => fingerprintOf({ name: 'Error', message, stack: '' })
    expect(of('no account for ana@msc.example')).toBe(of('no account for ben@msc.example'))
    expect(of('ENOENT: open /srv/data/a/b.json')).toBe(of('ENOENT: open /srv/data/c/d/e.json'))
    expect(of('upload V1StGXR8_Z5jdHi6B-myT failed')).toBe(of('upload 3zTvzr3p67VC61jmV54rI failed'))
    expect(of('release not found')).not.toBe(of('artist not found'))
  })

  it('differs for each caller of a library', () => {
    const of = (caller: string): string =>
      fingerprintOf({
        name: 'Error',
        message: 'timeout',
        stack: `Error: timeout\n    at query (/srv/node_modules/pg/lib/client.js:1:1)\n    at ${caller} (/srv/app/a.ts:1:1)`,
      })
    expect(of('listReleases')).not.toBe(of('listArtists'))
  })
})

it('cuts a stack before it is parsed, so that a line of a megabyte costs no more than the limit', async () => {
  const sent: Signal[] = []
  const monitoring = createMonitoring({
    telemetry: false,
    driver: {
      specificationVersion: 1,
      name: 'kept',
      capabilities: { kinds: ['error'], limits: { maxItems: 10, maxBytes: 4e6, maxItemBytes: 1e6 } },
      async send(signals: readonly Signal[]) {
        sent.push(...signals)
        return {}
      },
      health: async () => undefined,
      close: async () => undefined,
    },
  })
  const error = new Error(`bad body ${'a@'.repeat(500_000)}`)
  withScope(() => monitoring.captureException(error, { extra: { again: 'x'.repeat(1_000_000), token: 'hidden' } }))
  await monitoring.close()
  const text = JSON.stringify(sent)
  expect(sent).toHaveLength(1)
  expect(text.length).toBeLessThan(220_000)
  expect(text).not.toContain('hidden')
})
