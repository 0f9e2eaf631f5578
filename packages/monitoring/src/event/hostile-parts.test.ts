import { createMemoryJournal, withScope } from '@msc/core'
import { describe, expect, it } from 'vitest'
import { createMonitoring } from '../create-monitoring.ts'
import { local } from '../drivers/local.ts'
import type { ErrorSignal } from '../signals.ts'

// A part of an event that is too large, too long or unreadable must affect no other part.

function setUp() {
  const sent: ErrorSignal[] = []
  const monitoring = createMonitoring({
    telemetry: false,
    onError: () => undefined,
    driver: {
      ...local({ journal: createMemoryJournal() }),
      async send(signals) {
        sent.push(...(signals as ErrorSignal[]))
        return {}
      },
    },
  })
  return { monitoring, sent }
}

const revoked = (): object => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

/** A response with 12 000 fields, more than the budget of one event. */
const response = Array.from({ length: 150 }, (_, row) =>
  Object.fromEntries(Array.from({ length: 80 }, (_each, column) => [`field${column}`, row * column])),
)

describe('an error with a response that fills the budget', () => {
  it('keeps its user, tags, whole chain of causes and chosen fingerprint', async () => {
    const { monitoring, sent } = setUp()
    const error = (message: string): Error =>
      Object.assign(new Error(message, { cause: new RangeError('upstream said no') }), { status: 500, response })
    monitoring.captureException(error('upload failed'), {
      tags: { operation: 'upload' },
      extra: { releaseId: 7 },
      user: { id: 'ana' },
      fingerprint: 'upload-failed',
    })
    monitoring.captureException(error('payout failed'), { fingerprint: 'payout-failed' })
    await monitoring.flush()
    expect(sent[0]).toMatchObject({
      fingerprint: 'upload-failed',
      tags: { operation: 'upload' },
      extra: { releaseId: 7 },
      user: { id: 'ana' },
      errors: [
        { name: 'Error', message: 'upload failed', properties: { status: 500 } },
        { name: 'RangeError', message: 'upstream said no', parentId: 0, source: 'cause' },
      ],
    })
    expect(sent[0]?.errors.every(({ frames }) => frames.length > 0)).toBe(true)
    expect(sent[0]?.errors[1]).not.toHaveProperty('properties')
    expect(sent[1]?.fingerprint).toBe('payout-failed')
    await monitoring.close()
  })

  it('keeps each error of a tree of twenty with long messages and stacks', async () => {
    const { monitoring, sent } = setUp()
    const members = Array.from({ length: 19 }, (_, i) => {
      const member = new TypeError(`member ${i} ${'long '.repeat(5000)}`)
      member.stack = `TypeError: x\n    at load${i} (/srv/app/a.ts:1:2)\n${'    at deeper (/srv/app/b.ts:3:4)\n'.repeat(900)}`
      return member
    })
    monitoring.captureException(new AggregateError(members, 'all failed'))
    await monitoring.flush()
    expect(sent[0]?.errors).toHaveLength(20)
    for (const [i, { message, frames }] of sent[0]?.errors.slice(1).entries() ?? []) {
      expect(message).toMatch(new RegExp(`^member ${i} `))
      expect(frames[0]?.function).toBe(`load${i}`)
    }
    expect(JSON.stringify(sent[0]).length).toBeLessThan(250_000)
    await monitoring.close()
  })
})

describe('a text that is cut', () => {
  it.each([9950, 9975, 9985, 9995])('contains no half of a secret that begins after %i characters', async (before) => {
    const { monitoring, sent } = setUp()
    const secret = 'postgres://user:S3cretPassw0rd@db.msc.example/app'
    const text = `${'x '.repeat(before / 2)}${secret} ${'y '.repeat(200)}`
    monitoring.captureException(new Error(text), { fingerprint: text, tags: { text }, extra: { text } })
    monitoring.captureMessage(text)
    monitoring.addBreadcrumb(text, 'test', { text })
    monitoring.captureException(Object.assign(new Error('named'), { name: text.slice(9800), stack: text, text }))
    await monitoring.flush()
    expect(JSON.stringify(sent)).not.toContain('S3cret')
    await monitoring.close()
  })

  it.each([
    ['a name', 195, (text: string) => Object.assign(new Error('x'), { name: text })],
    ['a value that is not an error', 495, (text: string) => ({ text })],
  ])('contains none in %s', async (_what, before, make) => {
    const { monitoring, sent } = setUp()
    for (let at = before - 60; at < before; at += 3)
      monitoring.captureException(make(`${'x'.repeat(at)} postgres://user:S3cretPassw0rd@db.msc.example/app`))
    await monitoring.flush()
    expect(sent.length).toBeGreaterThan(0)
    expect(JSON.stringify(sent)).not.toContain('S3c')
    await monitoring.close()
  })

  it('cuts a breadcrumb to the requested length after it is redacted', async () => {
    const { monitoring, sent } = setUp()
    withScope(() => {
      monitoring.addBreadcrumb('open postgres://user:S3cretPassw0rd@db/app', 'ui', undefined, { maxLength: 27 })
      monitoring.captureException(new Error('x'))
    })
    await monitoring.flush()
    expect(sent[0]?.breadcrumbs[0]?.message).toHaveLength(27)
    expect(JSON.stringify(sent[0])).not.toContain('S3c')
    await monitoring.close()
  })
})

describe('an unreadable part', () => {
  it.each<[string, () => Error, number]>([
    ['such as a cause that is a revoked proxy', () => new Error('kept', { cause: revoked() }), 2],
    ['such as a member that is a revoked proxy', () => new AggregateError([new Error('a'), revoked()], 'kept'), 3],
    [
      'such as an error whose prototype cannot be read',
      () =>
        new Proxy(new Error('kept'), {
          getPrototypeOf() {
            throw new Error('trap')
          },
        }),
      1,
    ],
  ])('%s does not affect the rest', async (_what, make, count) => {
    const { monitoring, sent } = setUp()
    monitoring.captureException(make(), { tags: { operation: 'upload' } })
    await monitoring.flush()
    expect(sent[0]).toMatchObject({ kind: 'error', message: 'kept', tags: { operation: 'upload' } })
    expect(sent[0]?.errors).toHaveLength(count)
    await monitoring.close()
  })

  it('of breadcrumbs does not affect the others', async () => {
    const { monitoring, sent } = setUp()
    const good = { timestamp: 5, category: 'jobs.step', message: 'kept', level: 'info' }
    const breadcrumbs = [null, undefined, 'text', good, revoked()] as never
    monitoring.captureException(new Error('kept'), { breadcrumbs })
    await monitoring.flush()
    expect(sent[0]?.message).toBe('kept')
    expect(sent[0]?.breadcrumbs).toContainEqual(good)
    await monitoring.close()
  })

  it("of tags does not affect the others or the unit's", async () => {
    const { monitoring, sent } = setUp()
    withScope(() => {
      monitoring.setTag('route', '/x')
      monitoring.setTag(Symbol('odd') as never, 'v')
      monitoring.setTag(revoked() as never, revoked() as never)
      const tags = {
        a: 'ok',
        get b(): string {
          throw new Error('no')
        },
      }
      monitoring.captureException(new Error('kept'), { tags })
    })
    await monitoring.flush()
    expect(sent[0]?.tags).toMatchObject({ route: '/x', a: 'ok', b: '[unreadable]', 'Symbol(odd)': 'v' })
    await monitoring.close()
  })

  it.each([
    ['an id that has no text', { id: { toString: 1 }, plan: 'pro' }, { id: '[unreadable]', plan: 'pro' }],
    [
      'an id that throws',
      {
        get id(): string {
          throw new Error('no')
        },
      },
      { id: '[unreadable]' },
    ],
    ['an id of a row', { id: 42 }, { id: '42' }],
    ['a revoked proxy', revoked(), { id: '[unreadable]' }],
    ['the id alone', 'ana', { id: 'ana' }],
  ])('of a user (%s) does not affect the rest and never reaches a driver unchanged', async (_what, user, expected) => {
    const journal = createMemoryJournal()
    const monitoring = createMonitoring({ driver: local({ journal }), telemetry: false })
    withScope(() => {
      monitoring.setUser(user as never)
      monitoring.captureException(new Error('kept'))
    })
    await monitoring.flush()
    expect(monitoring.stats()).toMatchObject({ delivered: 1, dropped: 0, queued: 0 })
    expect(journal.query({ limit: 5 })[0]).toMatchObject({ name: 'Error: kept', userId: expected.id })
    expect(journal.query({ limit: 5 })[0]?.payload['user']).toEqual(expected)
    await monitoring.close()
  })

  it('of a context, such as an impossible time or an unknown level, is left out', async () => {
    const { monitoring, sent } = setUp()
    monitoring.captureException(new Error('kept'), { timestamp: 1e300, level: 'loud' as never })
    monitoring.captureMessage('said', 'loud' as never)
    await monitoring.flush()
    expect(sent.map(({ message, level }) => [message, level])).toEqual([
      ['kept', 'error'],
      ['said', 'info'],
    ])
    expect(Math.abs((sent[0]?.timestamp ?? 0) - Date.now())).toBeLessThan(60_000)
    await monitoring.close()
  })
})

it('sends no breadcrumbs if maxBreadcrumbs is 0, not even passed ones', async () => {
  const sent: ErrorSignal[] = []
  const monitoring = createMonitoring({
    maxBreadcrumbs: 0,
    telemetry: false,
    driver: {
      ...local({ journal: createMemoryJournal() }),
      async send(signals) {
        sent.push(...(signals as ErrorSignal[]))
        return {}
      },
    },
  })
  withScope(() => {
    monitoring.addBreadcrumb('before')
    const breadcrumbs = [{ timestamp: 1, category: 'a', message: 'given', level: 'info' }] as const
    monitoring.captureException(new Error('x'), { breadcrumbs })
  })
  await monitoring.close()
  expect(sent[0]?.breadcrumbs).toEqual([])
})
