import { describe, expect, it, vi } from 'vitest'
import { setErrorReporter } from '../errors/failures.ts'
import { createManualClock } from '../testing/manual-clock.ts'
import { assertClient } from './assert-client.ts'
import { checkOut, type PostgresPool } from './client.ts'
import { listen } from './listen.ts'
import { onConnection, queryOn } from './query.ts'

type Connection = Awaited<ReturnType<typeof checkOut>>
type Callback = (error: unknown, connection?: Connection) => void

/** A pool that hands out one connection, or fails, when the test calls `hand` or `fail`. */
function poolOf(form: string) {
  const log: string[] = []
  const connection: Connection = {
    query: async () => ({ rows: [] }),
    on: (event) => void log.push(`on ${event}`),
    release: (destroy) => void log.push(destroy ? 'destroyed' : 'released'),
  }
  const callbacks: Callback[] = []
  /** Callers that wait for a promise. */
  const waiting: Callback[] = []
  const pool: PostgresPool = {
    query: connection.query,
    connect(callback) {
      if (form !== 'promise') callbacks.push(callback as Callback)
      if (form === 'callback') return undefined
      return new Promise((resolve, reject) => {
        waiting.push((error, taken) => (taken ? resolve(taken) : reject(error as Error)))
      })
    },
  }
  return {
    pool,
    log,
    connection,
    hand() {
      for (const answer of [...callbacks, ...waiting]) answer(undefined, connection)
    },
    fail(error: Error) {
      for (const answer of [...callbacks, ...waiting]) answer(error)
    },
  }
}

describe.each(['callback', 'promise', 'callback and promise'])('a pool that connects by %s', (form) => {
  it('hands out a connection with one error listener', async () => {
    const { pool, log, connection, hand } = poolOf(form)
    const taken = checkOut(pool)
    hand()
    // A callback runs before the connection handles the next message of the same packet.
    if (form !== 'promise') expect(log).toEqual(['on error'])
    expect(await taken).toBe(connection)
    expect(log).toEqual(['on error'])
  })

  it('rejects with the error of the pool', async () => {
    const { pool, fail } = poolOf(form)
    const taken = expect(checkOut(pool)).rejects.toThrow('too many clients')
    fail(new Error('too many clients'))
    await taken
  })

  it('destroys a connection that arrives too late', async () => {
    const clock = createManualClock()
    const { pool, log, hand } = poolOf(form)
    const onError = vi.fn()
    const listening = listen(pool, 'feeds', { name: 'test', onNotice() {}, onListening() {}, onError, clock })
    await clock.advance(5000)
    const stop = await listening
    expect(onError).toHaveBeenCalledTimes(1)
    await stop()
    hand()
    await clock.advance(0)
    expect(log).toEqual(['on error', 'destroyed'])
  })
})

describe('a statement on a pool', () => {
  it('returns the connection after the answer', async () => {
    const { pool, log, hand } = poolOf('promise')
    const answered = queryOn(pool, 'select 1', [], new AbortController().signal)
    hand()
    expect(await answered).toEqual([])
    expect(log).toEqual(['on error', 'released'])
  })

  it.each([
    ['a deadlock', { severity: 'ERROR', code: '40P01' }, 'released'],
    ['a constraint, in another language', { severity: 'FEHLER', code: '23505' }, 'released'],
    ['a statement that took too long', { severity: 'ERROR', code: '57014' }, 'released'],
    ['a failed transaction that was left open', { severity: 'ERROR', code: '25P02' }, 'destroyed'],
    ['a server that is no longer the primary', { severity: 'ERROR', code: '25006' }, 'destroyed'],
    ['a server that shuts down', { severity: 'FATAL', code: '57P01' }, 'destroyed'],
    ['an internal error of the server', { severity: 'PANIC', code: 'XX001' }, 'destroyed'],
    ['an error of the socket', { code: 'ECONNRESET' }, 'destroyed'],
    ['an error without a code', {}, 'destroyed'],
  ])('keeps the connection only after an error that leaves it usable: %s', async (_, fields, fate) => {
    const { pool, log, connection, hand } = poolOf('promise')
    const failure = Object.assign(new Error('failed'), fields)
    connection.query = () => Promise.reject(failure)
    const answered = queryOn(pool, 'select 1', [], new AbortController().signal)
    hand()
    await expect(answered).rejects.toBe(failure)
    expect(log).toEqual(['on error', fate])
  })

  it('ends a connection that does not answer in time', async () => {
    const { pool, log, hand } = poolOf('promise')
    const controller = new AbortController()
    const silence = new Promise<never>(() => undefined)
    let begin = (): void => {}
    const began = new Promise<void>((resolve) => (begin = resolve))
    const work = (): Promise<never> => {
      begin()
      return silence
    }
    const unanswered = onConnection(pool, work, controller.signal)
    hand()
    await began
    controller.abort(new Error('late'))
    await expect(unanswered).rejects.toThrow('late')
    expect(log).toEqual(['on error', 'destroyed'])
  })

  it('cancels the statements of destroyed connections on the server, several by one request', async () => {
    const log: unknown[] = []
    const answers: (() => void)[] = []
    const connectionOf = (processID: number): Connection => ({
      processID,
      on: () => undefined,
      query: (text, values) => {
        if (!text.includes('pg_cancel_backend')) return new Promise(() => undefined)
        log.push(values)
        return new Promise((resolve) => answers.push(() => resolve({ rows: [] })))
      },
      release: (destroy) => void log.push(`${processID} ${destroy ? 'destroyed' : 'released'}`),
    })
    let pid = 0
    const pool: PostgresPool = {
      query: async () => ({ rows: [] }),
      connect: async () => connectionOf(++pid),
    }
    const ends = [1, 2, 3].map(() => new AbortController())
    const begun = ends.map(({ signal }, index) => queryOn(pool, `select ${index + 1}`, [], signal))
    await expect.poll(() => pid).toBe(3)
    const rejected = begun.map((each) => expect(each).rejects.toThrow('late'))
    await new Promise((resolve) => setImmediate(resolve))
    ends[0]?.abort(new Error('late'))
    await expect.poll(() => answers.length).toBe(1)
    ends[1]?.abort(new Error('late'))
    ends[2]?.abort(new Error('late'))
    await Promise.all(rejected)
    answers[0]?.()
    await expect.poll(() => answers.length).toBe(2)
    answers[1]?.()
    await expect.poll(() => log.at(-1)).toBe('4 released')
    expect(log).toEqual([
      '1 destroyed',
      [[1], ['select 1']],
      '2 destroyed',
      '3 destroyed',
      [
        [2, 3],
        ['select 2', 'select 3'],
      ],
      '4 released',
    ])
  })

  it('adds an error listener to the pool, so that a lost idle connection does not end the process', async () => {
    const { pool, log, hand } = poolOf('promise')
    const events: string[] = []
    const answered = queryOn(
      { ...pool, on: (event) => events.push(event) },
      'select 1',
      [],
      new AbortController().signal,
    )
    hand()
    await answered
    expect(events).toEqual(['error'])
    expect(log).toEqual(['on error', 'released'])
  })

  it('returns a connection that arrives after the abort', async () => {
    const { pool, log, hand } = poolOf('promise')
    const controller = new AbortController()
    const waiting = queryOn(pool, 'select 1', [], controller.signal)
    controller.abort(new Error('late'))
    await expect(waiting).rejects.toThrow('late')
    hand()
    await expect.poll(() => log).toEqual(['on error', 'released'])
  })
})

describe('a listener', () => {
  it('that throws is reported, and hears the next notification', async () => {
    const reported: unknown[] = []
    setErrorReporter((error, { operation }) => reported.push([operation, error.name]))
    let emit: (payload: string) => void = () => {}
    const heard: unknown[] = []
    const client = {
      query: async () => ({ rows: [] }),
      listen: async (_channel: string, callback: (payload: string) => void) => {
        emit = callback
        return async () => {}
      },
    }
    const stop = await listen(client, 'releases', {
      name: 'test',
      onNotice: (payload) => heard.push(JSON.parse(payload)),
      onListening: () => {
        throw new RangeError('listening')
      },
    })
    emit('not json')
    emit('1')
    await stop()
    setErrorReporter(undefined)
    expect(heard).toEqual([1])
    expect(reported).toEqual([
      ['onListening', 'RangeError'],
      ['onNotice', 'SyntaxError'],
    ])
  })

  it('hears nothing before it was told to read what it may have missed, on the first connection and on each later one', async () => {
    const clock = createManualClock()
    const heard: string[] = []
    type Handlers = Map<string, (value: unknown) => void>
    let listening: Handlers = new Map()
    const emit = (payload: unknown, channel: unknown = 'feeds'): void =>
      listening.get('notification')?.({ channel, payload })
    let connections = 0
    const pool: PostgresPool = {
      query: async () => ({ rows: [] }),
      async connect() {
        const own: Handlers = new Map()
        const pid = (connections += 1)
        return {
          on: (event, handler) => void own.set(event, handler as (value: unknown) => void),
          release: () => undefined,
          async query(text, values) {
            if (text.includes('pg_notify')) emit(values?.[1], values?.[0])
            if (text.startsWith('listen')) {
              listening = own
              // It comes with the answer to LISTEN, before anybody who waits for that goes on.
              emit('too early')
            }
            return { rows: [{ pid }] }
          },
        }
      },
    }
    const stop = await listen(pool, 'feeds', {
      name: 'test',
      clock,
      onNotice: (payload) => heard.push(payload),
      onListening: () => heard.push('listening'),
    })
    emit('1')
    const first = listening
    first.get('error')?.(new Error('57P01'))
    await clock.advance(500)
    expect(listening).not.toBe(first)
    emit('2')
    expect(heard).toEqual(['listening', '1', 'listening', '2'])
    await stop()
  })
})

/** A server whose first connection listens; what becomes of the probe's notification is the test's to say. */
function serverThat(onProbe: (server: { deliver(): void; lose(): void; silence(): void }) => void) {
  let connections = 0
  let probes = 0
  const pool: PostgresPool = {
    query: async () => ({ rows: [] }),
    async connect() {
      const pid = (connections += 1)
      return { ...connectionOf(pid), release: () => undefined }
    },
  }
  let listening: { readonly handlers: Map<string, (value: unknown) => void>; silent: boolean } | undefined
  const connectionOf = (pid: number): Omit<Connection, 'release'> => {
    const own = { handlers: new Map<string, (value: unknown) => void>(), silent: false }
    return {
      on: (event, handler) => void own.handlers.set(event, handler as (value: unknown) => void),
      query(text, values) {
        if (text.startsWith('listen')) listening = own
        if (own.silent) return new Promise(() => undefined)
        const heard = listening
        if (text.includes('pg_notify') && heard) {
          const [channel, payload] = values ?? []
          const deliver = (): void => heard.handlers.get('notification')?.({ channel, payload })
          const answer = {
            deliver,
            lose: () => heard.handlers.get('error')?.(new Error('57P01')),
            silence: () => void (heard.silent = true),
          }
          // Only the first probe meets with something, and once its sender has the answer.
          if ((probes += 1) === 1) setImmediate(() => onProbe(answer))
          else deliver()
        }
        return Promise.resolve({ rows: [{ pid }] })
      },
    }
  }
  return pool
}

describe('the first proof that a connection hears', () => {
  it.each([
    ['is lost', 'lose', /57P01/],
    ['goes silent', 'silence', /did not answer within/],
  ] as const)('is made again with another connection when that one %s meanwhile', async (_, fate, told) => {
    const clock = createManualClock()
    const errors: string[] = []
    const onListening = vi.fn()
    const onError = ({ message }: Error): void => void errors.push(message)
    let met = (): void => {}
    const meeting = new Promise<void>((resolve) => (met = resolve))
    const pool = serverThat((server) => {
      server[fate]()
      met()
    })
    const starting = listen(pool, 'feeds', { name: 'test', onNotice() {}, onListening, onError, clock })
    await meeting
    // The patience of the proof, that of the session that is asked once more, and the pause before the next connection.
    await clock.advance(11_000)
    const stop = await starting
    expect(onListening).toHaveBeenCalledTimes(1)
    expect(errors).toEqual([expect.stringMatching(told)])
    await stop()
  })

  it('refuses a pooler, on which the connection answers and no notification arrives', async () => {
    const clock = createManualClock()
    const starting = listen(
      serverThat(() => undefined),
      'feeds',
      { name: 'test', onNotice() {}, onListening() {}, clock },
    )
    const refused = expect(starting).rejects.toMatchObject({ code: 'POSTGRES_UNHEARD', retryable: false })
    await clock.advance(5000)
    await refused
  })
})

it.each([1, '1'])('a pool of %j connection is refused, as one listens', (max) => {
  const pool = (size: unknown): object => ({ query() {}, connect() {}, options: { max: size } })
  expect(() => assertClient('jobs', pool(max))).toThrow(expect.objectContaining({ code: 'JOBS_POOL_TOO_SMALL' }))
  expect(() => assertClient('jobs', pool('2'))).not.toThrow()
  expect(() => assertClient('jobs', pool(undefined))).not.toThrow()
})
