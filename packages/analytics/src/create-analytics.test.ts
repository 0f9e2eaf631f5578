import { DriverError, createMemoryJournal, newTrace, withContext } from '@msc/core'
import { createManualClock } from '@msc/core/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AnalyticsOptions } from './analytics.ts'
import { createAnalytics } from './create-analytics.ts'
import type { AnalyticsDriver, FlagSource } from './driver.ts'
import { local, localFlags } from './drivers/local.ts'
import type { Envelope, Evaluation } from './messages.ts'
import { createSink, type AnalyticsDrop } from './recording/sinks.ts'

function setUp(options: Partial<AnalyticsOptions> = {}) {
  const clock = createManualClock()
  const batches: (readonly Envelope[])[] = []
  const drops: AnalyticsDrop[] = []
  const errors: { code: string; hint?: string | undefined; operation: string; message: string }[] = []
  let failure: Error | undefined
  const driver: AnalyticsDriver = {
    ...local({ journal: createMemoryJournal() }),
    name: 'kept',
    async send(envelopes) {
      if (failure) throw failure
      batches.push(envelopes)
      return {}
    },
  }
  delete (driver as { sendSync?: unknown }).sendSync
  const analytics = createAnalytics({
    clock,
    driver,
    random: () => 0.5,
    onDrop: (drop) => drops.push(drop),
    onError: (error, { operation }) =>
      errors.push({ ...(error as unknown as { code: string; hint?: string }), message: error.message, operation }),
    ...options,
  })
  const names = (): string[] =>
    batches.flat().map(({ message }) => (message.kind === 'track' ? message.event : message.kind))
  return { clock, analytics, driver, batches, drops, errors, names, fail: (error?: Error) => (failure = error) }
}

const propertiesOf = (envelope: Envelope | undefined): unknown =>
  envelope?.message.kind === 'track' ? envelope.message.properties : undefined

const away = new DriverError('kept', 'away', { retryable: true })

describe('delivery', () => {
  it('waits a moment for more events, then sends one batch', async () => {
    const { analytics, clock, batches, names } = setUp()
    await analytics.track('u', 'a')
    await analytics.track('u', 'b')
    await clock.advance(499)
    expect(batches).toHaveLength(0)
    await clock.advance(1)
    expect(batches).toHaveLength(1)
    expect(names()).toEqual(['a', 'b'])
  })

  it('sends at once when a batch is full', async () => {
    const { analytics, clock, names } = setUp({ batchSize: 10 })
    for (let i = 0; i < 25; i++) await analytics.track('u', 'e')
    await clock.advance(0)
    expect(names().length).toBeGreaterThanOrEqual(20)
  })

  it('keeps events while the backend is away, in order, and delivers each once when it is back', async () => {
    const { analytics, clock, names, drops, fail } = setUp({ batchSize: 3 })
    fail(away)
    for (let i = 0; i < 8; i++) await analytics.track('u', `e${i}`)
    await clock.advance(60_000)
    expect(names()).toEqual([])
    fail(undefined)
    await clock.advance(120_000)
    expect(names().toSorted()).toEqual(Array.from({ length: 8 }, (_, i) => `e${i}`))
    expect(drops).toEqual([])
    expect(analytics.stats()).toEqual({ accepted: 8, delivered: 8, dropped: 0, queued: 0, inFlight: 0 })
  })

  it('holds no more than its limit, keeps the earliest events, and reports what it dropped', async () => {
    const { analytics, drops, fail, names, clock } = setUp({ maxQueue: 5 })
    fail(away)
    for (let i = 0; i < 9; i++) await analytics.track('u', `e${i}`)
    expect(analytics.stats()).toMatchObject({ accepted: 9, dropped: 4, queued: 5 })
    expect(drops).toEqual(
      Array.from({ length: 4 }, () => ({ reason: 'queue full', kind: 'track', count: 1, driver: 'kept' })),
    )
    fail(undefined)
    await clock.advance(60_000)
    expect(names()).toEqual(['e0', 'e1', 'e2', 'e3', 'e4'])
  })

  it('counts what is lost when it closes while the backend is silent', async () => {
    const clock = createManualClock()
    const drops: AnalyticsDrop[] = []
    const { driver } = setUp()
    const analytics = createAnalytics({
      clock,
      driver: { ...driver, send: () => new Promise(() => {}) },
      onDrop: (drop) => drops.push(drop),
      onError: () => undefined,
    })
    for (let i = 0; i < 50; i++) await analytics.track('u', 'e')
    const closing = analytics.close()
    await clock.advance(5000)
    await closing
    expect(analytics.stats()).toEqual({ accepted: 50, delivered: 0, dropped: 50, queued: 0, inFlight: 0 })
    expect(drops).toMatchObject([{ count: 50, reason: 'closed' }])
  })

  it('keeps retrying within the budget of a close when the backend fails at first', async () => {
    const { analytics, clock, names, fail, drops } = setUp()
    fail(away)
    for (let i = 0; i < 10; i++) await analytics.track('u', 'e')
    const closing = analytics.close()
    await clock.advance(300)
    fail(undefined)
    await clock.advance(4000)
    await closing
    expect(names()).toHaveLength(10)
    expect(drops).toEqual([])
  })

  it('delivers to each of two drivers the kinds it takes, even while the other one is away', async () => {
    const { driver, fail, names } = setUp()
    const other: Envelope[] = []
    const analytics = createAnalytics({
      driver: [
        driver,
        {
          ...driver,
          name: 'events only',
          capabilities: { ...driver.capabilities, kinds: ['track'] },
          send: async (envelopes) => {
            other.push(...envelopes)
            return {}
          },
        },
      ],
      onError: () => undefined,
    })
    fail(away)
    await analytics.track('u', 'e')
    await analytics.identify('u', { a: 1 })
    await analytics.flush({ timeoutMs: 50 })
    expect(other.map(({ message }) => message.kind)).toEqual(['track'])
    expect(analytics.sinks().get('kept')).toMatchObject({ delivered: 0, queued: 2 })
    fail(undefined)
    await analytics.close()
    // An event that fails alone is sent apart from the rest, so the order may have changed.
    expect(names().toSorted()).toEqual(['e', 'identify'])
  })

  it('keeps two drivers with the same name apart', async () => {
    const { driver } = setUp()
    const analytics = createAnalytics({ driver: [driver, driver] })
    await analytics.track('u', 'e')
    await analytics.close()
    expect([...analytics.sinks()].map(([name, { delivered }]) => [name, delivered])).toEqual([
      ['kept', 1],
      ['kept (2)', 1],
    ])
  })

  it('counts calls after close as dropped', async () => {
    const { analytics, drops } = setUp()
    await analytics.close()
    await analytics.close()
    await analytics.track('u', 'late')
    expect(drops).toMatchObject([{ count: 1, reason: 'closed' }])
  })

  it('delivers synchronously at the end of the process if the sink can', () => {
    const journal = createMemoryJournal()
    const sink = createSink(local({ journal }), {
      maxQueue: 10,
      maxQueueBytes: undefined,
      flushIntervalMs: 1000,
      batchSize: undefined,
      timeoutMs: 1000,
      clock: createManualClock(),
      random: undefined,
      store: undefined,
      onDrop: undefined,
      onError: () => undefined,
    })
    const message = { kind: 'track', event: 'last', properties: {} } as const
    sink.push({ id: crypto.randomUUID(), at: 1, subject: { distinctId: 'u' }, source: 'server', message })
    expect(journal.query()).toEqual([])
    sink.lastWords()
    expect(journal.query().map(({ name }) => name)).toEqual(['last'])
    expect(sink.stats()).toMatchObject({ accepted: 1, delivered: 1, queued: 0 })
  })

  it('rejects a driver of another version, and one without its methods', () => {
    const { driver } = setUp()
    expect(() => createAnalytics({ driver: { ...driver, specificationVersion: 2 as 1 } })).toThrow(
      expect.objectContaining({ code: 'DRIVER_VERSION' }),
    )
    expect(() => createAnalytics({ driver: { ...driver, send: undefined as never } })).toThrow(/send/)
    expect(() => createAnalytics({ driver: [] })).toThrow(expect.objectContaining({ code: 'ANALYTICS_NO_DRIVER' }))
    expect(() => createAnalytics({ driver, flags: { ...localFlags({}), evaluate: 1 as never } })).toThrow(/evaluate/)
  })
})

describe('an envelope', () => {
  it('carries the trace, the release and the time, and no vendor’s terms', async () => {
    const { analytics, batches, clock } = setUp({ release: 'abc' })
    const trace = newTrace()
    await withContext({ trace }, () => analytics.track('u', 'e', { a: 1 }))
    await clock.advance(500)
    const [envelope] = batches.flat()
    expect(envelope).toEqual({
      id: expect.stringMatching(/^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/),
      at: 1_700_000_000_000,
      subject: { distinctId: 'u' },
      source: 'server',
      traceId: trace.traceId,
      release: 'abc',
      message: { kind: 'track', event: 'e', properties: { a: 1 } },
    })
    expect(JSON.stringify(envelope)).not.toContain('$')
  })

  it('has the id and the time that the caller passes', async () => {
    const { analytics, batches, clock } = setUp()
    const id = '0190b1a0-0000-7000-8000-000000000001'
    await analytics.track('u', 'paid', {}, { id, at: 1_699_000_000_000 })
    await clock.advance(500)
    expect(batches.flat()).toMatchObject([{ id, at: 1_699_000_000_000 }])
  })

  it('is redacted by word: secrets go, counts of tokens and names that only look like secrets stay', async () => {
    const { analytics, batches, clock } = setUp()
    const harmless = {
      tokens: 1500,
      input_tokens: 3,
      $ai_cache_read_input_tokens: 2,
      $session_entry_url: 'https://x.example/a',
      session_count: 4,
      businessName: 'MSC',
      className: 'row',
      hotProduct: 'x',
      footprint: 'y',
    }
    const secrets = { password: 'a', apiKey: 'b', nested: { access_token: 'c' }, note: 'write to a@b.example' }
    await analytics.track('u', 'e', { ...harmless, ...secrets })
    await analytics.record('u', {
      kind: 'ai',
      operation: 'generation',
      usage: { total: 1500, cacheRead: 2, reasoning: 1 },
    })
    await clock.advance(500)
    const [first, second] = batches.flat()
    expect(propertiesOf(first)).toEqual({
      ...harmless,
      password: '[redacted]',
      apiKey: '[redacted]',
      nested: { access_token: '[redacted]' },
      note: 'write to [email]',
    })
    expect(second?.message).toMatchObject({ usage: { total: 1500, cacheRead: 2, reasoning: 1 } })
  })

  it('never redacts or cuts the id of its subject, so that two people stay two', async () => {
    const { analytics, batches, clock } = setUp()
    const ids = ['ana@msc.example', 'ben@msc.example', '4111111111111111']
    for (const id of ids) await analytics.track(id, 'e')
    await clock.advance(500)
    expect(batches.flat().map(({ subject }) => subject.distinctId)).toEqual(ids)
  })

  it('is plain JSON, whatever the caller passed', async () => {
    const { analytics, batches, clock, errors } = setUp()
    const cycle: Record<string, unknown> = { big: 10n, at: new Date(0), nothing: undefined, not: Number.NaN }
    cycle['self'] = cycle
    await analytics.track('u', 'e', cycle)
    await clock.advance(500)
    expect(propertiesOf(batches.flat()[0])).toEqual({
      big: '10n',
      at: '1970-01-01T00:00:00.000Z',
      not: null,
      self: '[circular]',
    })
    expect(errors).toEqual([])
  })

  it('is bounded, and built quickly, for trees with shared branches', async () => {
    const { analytics, batches, clock } = setUp()
    let tree: unknown = 'leaf'
    for (let depth = 0; depth < 8; depth++) tree = Array.from({ length: 6 }, () => tree)
    await analytics.track('u', 'e', { tree })
    await clock.advance(500)
    expect(JSON.stringify(batches.flat()).length).toBeLessThan(400_000)
  })

  it('has only the fields of its kind, redacted, for a generation and an exposure too', async () => {
    const { analytics, batches, clock } = setUp()
    const generation = {
      kind: 'ai',
      operation: 'generation',
      model: 'gpt-4',
      usage: { input: 3, output: Number.NaN, prompt: 'secret words' },
      latencyMs: 'soon',
      error: 'refused: api_key=sk_live_1234567890abcdef',
      prompt: 'secret words',
    }
    await analytics.record('u', generation as never)
    const evaluation: Evaluation = { value: { password: 'a', rows: 20 }, payload: { token: 'b' }, reason: 'static' }
    await analytics.record('u', { kind: 'exposure', flag: 'f', evaluation })
    await clock.advance(500)
    expect(batches.flat().map(({ message }) => message)).toEqual([
      {
        kind: 'ai',
        operation: 'generation',
        model: 'gpt-4',
        usage: { input: 3 },
        error: expect.stringMatching(/^refused: api_key=\[/),
      },
      {
        kind: 'exposure',
        flag: 'f',
        evaluation: {
          value: { password: '[redacted]', rows: 20 },
          payload: { token: '[redacted]' },
          reason: 'static',
        },
      },
    ])
  })

  it('carries an alias, a group and a page', async () => {
    const { analytics, batches, clock } = setUp()
    await analytics.record('u', { kind: 'alias', alias: 'old' })
    await analytics.record({ distinctId: 'u', groups: { company: 'msc' } }, { kind: 'page', path: '/a?token=1#b' })
    await analytics.record('u', { kind: 'group', type: 'company', groupKey: 'msc', set: { secret: 'x', plan: 'pro' } })
    await clock.advance(500)
    expect(batches.flat().map(({ message, subject }) => [subject, message])).toEqual([
      [{ distinctId: 'u' }, { kind: 'alias', alias: 'old' }],
      [
        { distinctId: 'u', groups: { company: 'msc' } },
        { kind: 'page', path: '/a' },
      ],
      [
        { distinctId: 'u' },
        { kind: 'group', type: 'company', groupKey: 'msc', set: { secret: '[redacted]', plan: 'pro' } },
      ],
    ])
  })
})

describe('an exposure of an invalid evaluation', () => {
  const evaluation = { value: 'b', reason: 'match' } as unknown as Evaluation
  const cyclic: Record<string, unknown> = {}
  cyclic['self'] = cyclic
  it.each([
    ['no evaluation', { distinctId: 'u1' }, undefined],
    ['an empty object', { distinctId: 'u1' }, {}],
    ['a list', { distinctId: 'u1' }, []],
    ['no subject', undefined, evaluation],
    ['a value that is not JSON', { distinctId: 'u1' }, { ...evaluation, value: cyclic }],
    ['a BigInt', { distinctId: 'u1' }, { ...evaluation, value: 1n }],
  ])('is dropped, counted and reported: %s', (_what, subject, given) => {
    const { analytics } = setUp()
    const before = analytics.stats().dropped
    expect(() => analytics.expose(subject as never, 'layout', given as never)).not.toThrow()
    expect(analytics.stats().dropped).toBe(before + 1)
    const strict = setUp({ strict: true }).analytics
    expect(() => strict.expose(subject as never, 'layout', given as never)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^(ANALYTICS_|VALIDATION_)/) }),
    )
  })

  it('does not count as shown when its options are refused', async () => {
    const { analytics, batches } = setUp()
    analytics.expose('u1' as never, 'layout', evaluation, { id: 'evt_1' })
    analytics.expose('u1' as never, 'layout', evaluation)
    await analytics.flush()
    expect(batches.flat().map(({ message }) => message.kind)).toEqual(['exposure'])
    await analytics.close()
  })

  it('accepts a plain id as its subject, like every other call', async () => {
    const { analytics } = setUp()
    for (const id of ['u1', 'u2', 'u1']) analytics.expose(id as never, 'layout', evaluation)
    expect(analytics.stats().accepted).toBe(2)
    await analytics.close()
  })
})

describe('a bad call', () => {
  const hostile = new Proxy(
    {},
    {
      ownKeys() {
        throw new Error('no')
      },
    },
  )
  const bad: readonly (readonly [string, (track: (...args: never[]) => unknown) => unknown, string])[] = [
    ['no id', (track) => track(...([undefined, 'e'] as never[])), 'ANALYTICS_SUBJECT_INVALID'],
    ['an empty id', (track) => track(...(['', 'e'] as never[])), 'ANALYTICS_SUBJECT_INVALID'],
    ['an id that is an object', (track) => track(...([{}, 'e'] as never[])), 'ANALYTICS_SUBJECT_INVALID'],
    [
      'an id that a backend would cut',
      (track) => track(...(['x'.repeat(201), 'e'] as never[])),
      'ANALYTICS_SUBJECT_INVALID',
    ],
    ['no name', (track) => track(...(['u', ''] as never[])), 'ANALYTICS_NAME_INVALID'],
    ['an id that is not a UUID', (track) => track(...(['u', 'e', {}, { id: 'x' }] as never[])), 'ANALYTICS_ID_INVALID'],
  ]

  it.each(bad)('(%s) resolves, is counted once, and is reported with what to do', async (_name, call, code) => {
    const { analytics, drops, errors } = setUp()
    await expect(call(analytics.track as never)).resolves.toBeUndefined()
    expect(analytics.stats()).toEqual({ accepted: 1, delivered: 0, dropped: 1, queued: 0, inFlight: 0 })
    expect(drops).toMatchObject([{ reason: 'unreadable', kind: 'track', count: 1 }])
    expect(errors).toMatchObject([{ code, operation: 'track' }])
  })

  it.each(bad)('(%s) throws at the call, when strict', (_name, call, code) => {
    const { analytics } = setUp({ strict: true })
    expect(() => call(analytics.track as never)).toThrow(expect.objectContaining({ code, name: 'ValidationError' }))
  })

  it.each([
    ['no number', Number.NaN],
    ['no date', 8.64e15 + 1],
    ['nanoseconds', 1.7e18],
    ['seconds', 1.7e9],
    ['a text', '2026-01-01'],
  ])('with an invalid time (%s) keeps the event, as of now, and is reported', async (_what, at) => {
    const { analytics, batches, errors, clock } = setUp()
    await analytics.track('u', 'timed', {}, { at: at as number })
    await analytics.track('u', 'other', {}, { at: clock.now() - 1000 })
    const now = clock.now()
    await clock.advance(500)
    expect(batches.flat().map((each) => each.at)).toEqual([now, now - 1000])
    expect(errors).toMatchObject([{ code: 'ANALYTICS_TIME_INVALID' }])
    const strict = setUp({ strict: true }).analytics
    expect(() => strict.track('u', 'timed', {}, { at: at as number })).toThrow(
      expect.objectContaining({ code: 'ANALYTICS_TIME_INVALID' }),
    )
  })

  it('is not reported for a number as the id, which becomes text', async () => {
    const { analytics, batches, errors, clock } = setUp()
    await analytics.track(42 as never, 'e')
    await analytics.track(9007199254740993n as never, 'e')
    await clock.advance(500)
    expect(batches.flat().map(({ subject }) => subject.distinctId)).toEqual(['42', '9007199254740993'])
    expect(errors).toEqual([])
  })

  it('never rejects because of unreadable properties', async () => {
    const { analytics, clock, batches } = setUp()
    for (const properties of [hostile, null, 42, 'text', [1], Object.create(null), new URL('https://a.example')]) {
      await analytics.track('u', 'e', properties as object)
      await analytics.identify('u', properties as object)
      await analytics.record(properties as never, properties as never)
    }
    await clock.advance(1000)
    const { accepted, delivered, dropped } = analytics.stats()
    expect(delivered + dropped).toBe(accepted)
    expect(batches.flat().length).toBeGreaterThan(0)
  })

  it('is reported when a schema throws an unreadable value, or an error of another copy of core', async () => {
    const lies = new Proxy(new Error('x'), {
      getPrototypeOf() {
        throw new Error('no prototype')
      },
    })
    // An error of another copy of core has the marker, but another class.
    const foreign = Object.assign(new Error('[app] The plan is unknown.'), {
      [Symbol.for('@msc/error')]: true,
      code: 'PLAN_UNKNOWN',
      issues: [],
    })
    for (const [thrown, code] of [
      [lies, 'ANALYTICS_UNREADABLE'],
      [foreign, 'PLAN_UNKNOWN'],
    ] as const) {
      const schema = {
        '~standard': {
          version: 1,
          vendor: 'test',
          validate: () => {
            throw thrown
          },
        },
      }
      const checked = setUp({ catalogue: { e: schema as never } })
      await expect(checked.analytics.track('u', 'e')).resolves.toBeUndefined()
      expect(checked.drops).toMatchObject([{ kind: 'track', count: 1 }])
      expect(checked.errors).toMatchObject([{ code }])
    }
  })

  it('is not reported for a good call on a page that adds a toJSON to lists and objects', async () => {
    const { analytics, batches, clock } = setUp()
    const prototype = Object.prototype as { toJSON?: () => unknown }
    // oxlint-disable-next-line no-extend-native -- pages' scripts do this
    prototype.toJSON = () => 'text'
    try {
      await analytics.track('u', 'e', { list: [1, { two: 2 }] })
      await clock.advance(500)
    } finally {
      delete prototype.toJSON
    }
    expect(batches.flat().map(({ message }) => message)).toMatchObject([{ properties: { list: [1, { two: 2 }] } }])
  })

  it('never rejects or throws, whatever the arguments are, and the counts agree', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.anything(), fc.anything(), fc.anything()), { maxLength: 5 }),
        async (calls) => {
          const { analytics } = setUp()
          for (const [id, event, properties] of calls) {
            await analytics.track(id as never, event as never, properties as never)
            await analytics.getFeatureFlag(event as never, id as never, properties as never)
          }
          const { accepted, delivered, dropped, queued, inFlight } = analytics.stats()
          expect(delivered + dropped + queued + inFlight).toBe(accepted)
        },
      ),
      { numRuns: 200 },
    )
  })
})

it('does not hold up a close beyond its budget, however long schemas take: all is delivered or dropped, and reported', async () => {
  const clock = createManualClock()
  const slow = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: (value: unknown) =>
        new Promise<{ value: unknown }>((resolve) => clock.setTimeout(() => resolve({ value }), 600)),
    },
  }
  const { analytics, fail, drops, errors } = setUp({ clock, catalogue: { paid: slow as never } })
  fail(away)
  void analytics.track('u', 'paid', { a: 1 })
  const closed = analytics.close({ timeoutMs: 1500 })
  await clock.advance(1600)
  await closed
  expect(analytics.stats()).toMatchObject({ accepted: 1, dropped: 1, queued: 0, inFlight: 0 })
  expect(drops).toMatchObject([{ reason: 'closed', count: 1 }])
  expect(errors.filter(({ operation }) => operation === 'close')).toEqual([])
})

it('calls `onLost` once and at once, for every method, when no queue has room', () => {
  const { analytics } = setUp({ maxQueue: 1 })
  const lost: string[] = []
  const told = (name: string) => ({ onLost: () => lost.push(name) })
  for (const name of ['a', 'b']) {
    void analytics.record({ distinctId: 'u' }, { kind: 'track', event: name, properties: {} }, told(name))
  }
  void analytics.track('u', 'c', {}, told('track'))
  void analytics.identify('u', {}, told('identify'))
  analytics.expose({ distinctId: 'u' }, 'flag', { value: true, reason: 'static' }, told('expose'))
  analytics.expose({ distinctId: 'u' }, 'flag', undefined as never, told('nothing'))
  expect(lost).toEqual(['b', 'track', 'identify', 'expose', 'nothing'])
})

describe('a catalogue', () => {
  const schema = (later: boolean) => ({
    '~standard': {
      version: 1 as const,
      vendor: 'test',
      validate: (value: unknown) => {
        const result =
          typeof (value as { title?: unknown }).title === 'string'
            ? { value: value as Record<string, unknown> }
            : { issues: [{ message: 'must be text', path: ['title'] }] }
        return later ? Promise.resolve(result) : result
      },
    },
  })

  it.each([false, true])(
    'drops unknown events and invalid properties, and says why (asynchronous: %s)',
    async (later) => {
      const { analytics, drops, errors, names, clock } = setUp({ catalogue: { release_created: schema(later) } })
      await analytics.track('u', 'release_created', { title: 'a' })
      await analytics.track('u', 'relaese_created')
      await analytics.track('u', 'release_created', { title: 1 })
      await clock.advance(500)
      expect(names()).toEqual(['release_created'])
      expect(drops).toMatchObject([
        { reason: 'filtered', detail: expect.stringContaining('relaese_created') },
        { reason: 'filtered', detail: expect.stringContaining('title: must be text') },
      ])
      expect(errors.map(({ code }) => code)).toEqual(['ANALYTICS_EVENT_UNKNOWN', 'ANALYTICS_PROPERTIES_INVALID'])
    },
  )

  it.each([false, true])(
    'calls `onLost` for what it refuses or no queue has room for (asynchronous: %s)',
    async (later) => {
      const { analytics } = setUp({ maxQueue: 1, catalogue: { known: schema(later) } })
      const lost: string[] = []
      const track = (name: string, properties: object, as = name): Promise<void> =>
        analytics.track('u', name, properties, { onLost: () => lost.push(as) })
      await track('known', { title: 'kept' }, 'kept')
      await track('known', { title: 'no room' }, 'no room')
      await track('known', { title: 1 }, 'no text')
      await track('unknown', {})
      expect(lost).toEqual(['no room', 'no text', 'unknown'])
    },
  )

  it('has no event with a name that every object inherits', async () => {
    const { analytics, errors } = setUp({ catalogue: {} })
    for (const name of ['constructor', 'toString', '__proto__']) await analytics.track('u', name)
    expect(errors.map(({ code }) => code)).toEqual(Array.from({ length: 3 }, () => 'ANALYTICS_EVENT_UNKNOWN'))
  })

  it('throws at once when strict; an asynchronous schema rejects', async () => {
    const now = setUp({ strict: true, catalogue: { release_created: schema(false) } }).analytics
    expect(() => now.track('u', 'release_created', {})).toThrow(/must be text/)
    const later = setUp({ strict: true, catalogue: { release_created: schema(true) } }).analytics
    await expect(later.track('u', 'release_created', {})).rejects.toThrow(/must be text/)
  })

  it('has queued the event when track returns, and a flush waits for an asynchronous schema', async () => {
    const { analytics } = setUp({ catalogue: { e: schema(false) } })
    void analytics.track('u', 'e', { title: 'a' })
    expect(analytics.stats().queued).toBe(1)
    const later = setUp({ catalogue: { e: schema(true) } })
    void later.analytics.track('u', 'e', { title: 'a' })
    await later.analytics.flush()
    expect(later.names()).toEqual(['e'])
  })
})

describe('flags', () => {
  const source = (evaluate: FlagSource['evaluate']): FlagSource => ({ ...localFlags({}), name: 'flags', evaluate })
  const always = (evaluation: Evaluation): FlagSource => source(async ([key]) => new Map([[key as string, evaluation]]))

  it('have their fallback without a source, when unknown, and while the source fails', async () => {
    expect(await setUp().analytics.getFeatureFlag('f', 'u', { fallback: 'blue' })).toBe('blue')
    const unknown = setUp({ flags: localFlags({}) })
    expect(await unknown.analytics.evaluateFlag('f', 'u', { fallback: 7 })).toEqual({
      value: 7,
      reason: 'default',
      errorCode: 'FLAG_NOT_FOUND',
    })
    const failing = setUp({ flags: source(() => Promise.reject(away)) })
    expect(await failing.analytics.evaluateFlag('f', 'u')).toMatchObject({ reason: 'error', value: false })
    expect(await failing.analytics.isFeatureEnabled('f', 'u')).toBe(false)
    expect(failing.errors).toHaveLength(1)
    expect(failing.analytics.stats().accepted).toBe(0)
  })

  it('wait no longer than their own deadline', async () => {
    const { analytics, clock } = setUp({ flags: source(() => new Promise(() => {})) })
    const value = analytics.getFeatureFlag('f', 'u', { fallback: true })
    await clock.advance(1000)
    expect(await value).toBe(true)
  })

  it('stop calling a source that keeps failing, and health reports it while events go on', async () => {
    let asked = 0
    const { analytics, names } = setUp({
      flags: source(async () => {
        asked += 1
        throw new DriverError('flags', 'quota', { code: 'DRIVER_QUOTA' })
      }),
    })
    for (let i = 0; i < 20; i++) await analytics.getFeatureFlag('f', 'u')
    expect(asked).toBe(5)
    expect(await analytics.health()).toMatchObject({ status: 'degraded', detail: expect.stringContaining('Flags') })
    await analytics.track('u', 'e')
    await analytics.flush()
    expect(names()).toEqual(['e'])
  })

  it('record one exposure per person and value, however often they are read', async () => {
    const { analytics, batches, clock } = setUp({ flags: always({ value: 'blue', reason: 'split' }) })
    for (let i = 0; i < 10; i++) {
      await analytics.getFeatureFlag('f', 'ana')
      await analytics.isFeatureEnabled('f', 'ben')
      await analytics.getFeatureFlag('f', 'ana', { groups: { company: 'msc' } })
    }
    await clock.advance(500)
    expect(batches.flat().map(({ subject, message }) => [subject, message])).toEqual([
      [{ distinctId: 'ana' }, { kind: 'exposure', flag: 'f', evaluation: { value: 'blue', reason: 'split' } }],
      [{ distinctId: 'ben' }, { kind: 'exposure', flag: 'f', evaluation: { value: 'blue', reason: 'split' } }],
      [
        { distinctId: 'ana', groups: { company: 'msc' } },
        { kind: 'exposure', flag: 'f', evaluation: { value: 'blue', reason: 'split' } },
      ],
    ])
  })

  it('record an exposure again next time when no queue had room for it', async () => {
    const { analytics, names, fail, drops } = setUp({
      flags: always({ value: 'blue', reason: 'split' }),
      maxQueue: 5,
      strict: false,
    })
    fail(away)
    for (let i = 0; i < 5; i++) await analytics.track('ana', 'e')
    await analytics.getFeatureFlag('f', 'ana')
    expect(drops).toHaveLength(1)
    fail(undefined)
    await analytics.flush()
    for (let i = 0; i < 3; i++) await analytics.getFeatureFlag('f', 'ana')
    await analytics.flush()
    expect(names().filter((name) => name === 'exposure')).toHaveLength(1)
  })

  it('return booleans and text unchanged, and the variant of any other value', async () => {
    const value = async (evaluation: Evaluation): Promise<unknown> =>
      setUp({ flags: always(evaluation) }).analytics.getFeatureFlag('f', 'u')
    expect(await value({ value: 3, reason: 'static' })).toBe(true)
    expect(await value({ value: { a: 1 }, variant: 'wide', reason: 'static' })).toBe('wide')
    expect(await value({ value: null, reason: 'static' })).toBe(false)
    const { analytics } = setUp({ flags: always({ value: { a: 1 }, payload: [1], reason: 'static' }) })
    expect(await analytics.evaluateFlag('f', 'u')).toEqual({ value: { a: 1 }, payload: [1], reason: 'static' })
  })

  it('have no values for names that every object inherits', async () => {
    const { analytics, batches, clock } = setUp({ flags: localFlags({ off: { active: false, overrides: {} } }) })
    for (const name of ['constructor', 'toString', '__proto__', 'hasOwnProperty']) {
      expect(await analytics.isFeatureEnabled(name, 'u')).toBe(false)
      expect(await analytics.isFeatureEnabled('off', name)).toBe(false)
    }
    await clock.advance(500)
    expect(batches.flat().filter(({ message }) => message.kind === 'exposure' && message.flag !== 'off')).toEqual([])
  })
})

it('remember a bounded number of exposures', async () => {
  const { createExposures, exposureKey } = await import('./recording/exposures.ts')
  const exposures = createExposures(100)
  const isNew = (distinctId: string): boolean =>
    exposures.isNew(exposureKey({ distinctId }, 'f', { value: 'blue', reason: 'split' }))
  expect(isNew('first')).toBe(true)
  for (let i = 0; i < 99; i++) isNew(`u${i}`)
  expect(isNew('first')).toBe(false)
  isNew('one more')
  expect(isNew('first')).toBe(false)
  expect(isNew('u0')).toBe(true)
})
