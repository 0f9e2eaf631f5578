import {
  currentContext,
  currentScope,
  DriverError,
  MscError,
  ValidationError,
  withCarrier,
  type Clock,
  systemClock,
} from '@msc/core'
import { keptOpen } from '@msc/core/testing'
import { startPostgres, type RunningPostgres } from '@msc/core/testing/postgres'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { emptyDatabase } from '../database/__fixtures__/databases.ts'
import { createDatabase } from '../database/create-database.ts'
import type { Claims } from '../database/claims.ts'
import type { Database } from '../database/database.ts'
import { pglite } from '../database/drivers/pglite.ts'
import { postgres } from '../database/drivers/postgres.ts'
import { addToOutbox } from './add.ts'
import { createOutbox, type OutboxOptions } from './create-outbox.ts'
import type { NewOutboxEntry, Outbox, OutboxEntry } from './outbox.ts'
import { outboxMigration } from './schema.ts'
import { outboxStore } from './store.ts'

const ANN: Claims = { sub: 'aaaaaaaa-0000-4000-8000-000000000001', role: 'authenticated' }
const SCHEMA = {
  version: 'test',
  sql: `create table public.orders (id int primary key);
    grant all on public.orders to service_role, authenticated;
    create function public.announce() returns trigger language plpgsql security definer set search_path = '' as $$
      begin
        perform msc_outbox.add('order/placed', jsonb_build_object('id', new.id), 'order:' || new.id);
        return null;
      end $$;
    create trigger announce after insert on public.orders for each row execute function public.announce();`,
}

describe.each(['pglite', 'postgres'])('an outbox on %s', (kind) => {
  let server: RunningPostgres | undefined
  let database: Database
  let another: () => Database
  beforeAll(async () => {
    if (kind === 'postgres') {
      server = await startPostgres()
      const url = await emptyDatabase(server)
      another = () => createDatabase({ driver: postgres({ url }) })
    } else {
      const one = pglite()
      another = () => createDatabase({ driver: keptOpen(one) })
    }
    database = another()
    await database.migrate([outboxMigration(), SCHEMA])
  }, 60_000)
  afterAll(async () => {
    await database?.close()
    await server?.close()
  })

  const opened: Outbox[] = []
  const open = (options: Partial<OutboxOptions> & Pick<OutboxOptions, 'deliver'>): Outbox => {
    const outbox = createOutbox({ database, onError: () => undefined, random: () => 0, ...options })
    opened.push(outbox)
    return outbox
  }
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((outbox) => outbox.close({ timeoutMs: 300 })))
    await database.asService((tx) => tx.query('delete from msc_outbox.entries'))
  })
  const add = (entry: Partial<NewOutboxEntry> = {}, on = database): Promise<string> =>
    on.asService((tx) => addToOutbox(tx, { kind: 'a', payload: {}, ...entry }))
  /** Collects what is delivered, and says when there are so many. */
  const receiver = () => {
    const entries: OutboxEntry[] = []
    const watching = new Set<() => void>()
    return {
      entries,
      payloads: () => entries.map(({ payload }) => payload),
      take: (entry: OutboxEntry): void => {
        entries.push(entry)
        for (const each of watching) each()
      },
      has: (count: number): Promise<void> =>
        new Promise((resolve) => {
          const look = (): void => {
            if (entries.length < count) return
            watching.delete(look)
            resolve()
          }
          watching.add(look)
          look()
        }),
    }
  }

  it('delivers what was committed, with its trace, in a unit of work of its own, and nothing else', async () => {
    const got = receiver()
    const seen: unknown[] = []
    const outbox = open({
      deliver: {
        a: (entry, { attempt }) => {
          seen.push([currentContext()?.trace.traceId, currentContext()?.userId, currentScope() !== undefined, attempt])
          got.take(entry)
        },
      },
    })
    outbox.start()
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
    const traceparent = `00-${traceId}-00f067aa0ba902b7-01`
    const id = await withCarrier({ traceparent, userId: 'ann' }, () =>
      database.transaction(ANN, async (tx) => {
        const added = await addToOutbox(tx, { kind: 'a', payload: { text: 'Å 🎵', n: [1, null] }, group: 'g' })
        expect(await tx.query('select current_user::text as role')).toEqual([{ role: 'authenticated' }])
        return added
      }),
    )
    await expect(
      database.asService(async (tx) => {
        await addToOutbox(tx, { kind: 'a', payload: 'lost' })
        throw new Error('no')
      }),
    ).rejects.toThrow('no')
    await got.has(1)
    await outbox.flush()
    expect(got.entries).toEqual([
      { id, kind: 'a', payload: { text: 'Å 🎵', n: [1, null] }, group: 'g', createdAt: expect.any(Number) },
    ])
    expect(seen).toEqual([[traceId, 'ann', true, 1]])
    expect(await outbox.state([id, '00000000-0000-4000-8000-000000000000'])).toEqual([
      { id, state: 'delivered', attempts: 1 },
      { id: '00000000-0000-4000-8000-000000000000', state: 'unknown', attempts: 0 },
    ])
  })

  it('hears of an entry at once', async () => {
    const got = receiver()
    const outbox = open({ deliver: { a: got.take }, pollMs: 600_000 })
    outbox.start()
    await add()
    await got.has(1)
    const from = performance.now()
    for (let count = 2; count < 12; count++) {
      await add()
      await got.has(count)
    }
    expect(performance.now() - from).toBeLessThan(5000)
  })

  it('delivers what a trigger has added, with the trace of whoever wrote the row', async () => {
    const got = receiver()
    const traces: unknown[] = []
    const outbox = open({
      deliver: {
        'order/placed': (entry) => {
          traces.push(currentContext()?.trace.traceId)
          got.take(entry)
        },
      },
    })
    outbox.start()
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    await withCarrier({ traceparent }, () =>
      database.transaction(ANN, (tx) => tx.query('insert into orders values (7)')),
    )
    await got.has(1)
    expect(got.payloads()).toEqual([{ id: 7 }])
    expect(traces).toEqual(['0af7651916cd43dd8448eb211c80319c'])
  })

  it('takes the same key twice as one, and gives each other entry an id of its own', async () => {
    const got = receiver()
    const outbox = open({ deliver: { a: got.take } })
    const first = await add({ key: 'invoice:1', payload: 'first' })
    expect(await add({ key: 'invoice:1', payload: 'second' })).toBe(first)
    expect(await add({ key: 'invoice:2' })).not.toBe(first)
    expect(await add()).not.toBe(await add())
    outbox.start()
    await got.has(4)
    await outbox.flush()
    expect(await add({ key: 'invoice:1', payload: 'third' })).toBe(first)
    await outbox.flush()
    expect(got.entries.filter(({ id }) => id === first).map(({ payload }) => payload)).toEqual(['first'])
  })

  it('shows users nothing, and takes nothing from them past the application', async () => {
    await add()
    for (const sql of [
      `select msc_outbox.add('a', '{}')`,
      'select * from msc_outbox.entries',
      'delete from msc_outbox.entries',
    ]) {
      await expect(database.transaction(ANN, (tx) => tx.query(sql))).rejects.toMatchObject({
        code: 'DATABASE_FORBIDDEN',
      })
    }
  })

  it('refuses what it can not keep, after which the transaction can go on', async () => {
    const loop: Record<string, unknown> = {}
    loop['self'] = loop
    const wrong: readonly Partial<NewOutboxEntry>[] = [
      { kind: '' },
      { kind: 'with space' },
      { kind: 'x'.repeat(101) },
      { key: '' },
      { key: 'x'.repeat(501) },
      { key: 'nul\0' },
      { key: 'half \ud800' },
      { group: '' },
      { group: 'x'.repeat(201) },
      { payload: undefined },
      { payload: () => 1 },
      { payload: loop },
      { payload: 1n },
      { payload: 'nul \0' },
      { payload: 'half \ud800' },
      { payload: 'x'.repeat(262_143) },
      { payload: Array.from({ length: 2000 }, () => 1e300) },
    ]
    await database.transaction(ANN, async (tx) => {
      for (const entry of wrong) {
        await expect(addToOutbox(tx, { kind: 'a', payload: {}, ...entry })).rejects.toMatchObject({
          code: 'OUTBOX_ENTRY_INVALID',
        })
      }
      await addToOutbox(tx, { kind: 'a', payload: 'x'.repeat(262_142) })
      await addToOutbox(tx, { kind: 'a', payload: Array.from({ length: 131_000 }, () => 1) })
    })
    await expect(open({ deliver: { a: () => undefined } }).state(['no id'])).rejects.toMatchObject({
      code: 'OUTBOX_ENTRY_INVALID',
    })
  })

  it('delivers the entries of a group in order and one at a time; one that fails holds only its group', async () => {
    const got = receiver()
    const tried: unknown[] = []
    let atOnce = 0
    let isBroken = true
    const outbox = open({
      concurrency: 8,
      pollMs: 100,
      deliver: {
        async a(entry) {
          if (entry.group === 'left') {
            atOnce += 1
            expect(atOnce).toBe(1)
            await new Promise((resolve) => setImmediate(resolve))
            atOnce -= 1
            tried.push(entry.payload)
            if (entry.payload === 2 && isBroken) throw new Error('not yet')
          }
          got.take(entry)
        },
      },
    })
    for (let n = 0; n < 6; n++) await add({ group: 'left', payload: n })
    await outboxStore(database, 'test').markBlocked(['a'])
    for (let n = 0; n < 6; n++) await add({ group: 'right', payload: `r${n}` })
    await add({ payload: 'alone' })
    outbox.start()
    await got.has(9)
    await vi.waitFor(() => expect(tried.filter((n) => n === 2).length).toBeGreaterThan(2))
    expect(got.payloads()).not.toContain(3)
    isBroken = false
    await got.has(13)
    const of = (group: string | undefined): unknown[] =>
      got.entries.filter((entry) => entry.group === group).map(({ payload }) => payload)
    expect(of('left')).toEqual([0, 1, 2, 3, 4, 5])
    expect(of('right')).toEqual(['r0', 'r1', 'r2', 'r3', 'r4', 'r5'])
  })

  it('is not slower for a group that is stuck, however long, and goes on with it in order', async () => {
    const store = outboxStore(database, 'test')
    const count = 3000
    await database.asService((tx) =>
      tx.query(`select msc_outbox.add('a', to_jsonb(n), null, 'long') from generate_series(1, $1::int) n`, [count]),
    )
    const [first] = await store.claim(new Map([['a', 1]]), 'me', 60_000)
    const marked = async (): Promise<unknown> =>
      (await database.asService((tx) => tx.query('select count(*)::int as n from msc_outbox.entries where blocked')))[0]
    await store.markBlocked(['a'])
    expect(await marked()).toEqual({ n: count - 1 })
    const outcome = (state: 'delivered' | 'parked') => ({ state, delayMs: 0, counts: true }) as const
    await store.settle([{ id: first?.id as string, owner: 'me', outcome: outcome('delivered') }])
    expect(await marked()).toEqual({ n: count - 2 })
    const [second] = await store.claim(new Map([['a', 4]]), 'me', 60_000)
    expect(second?.payload).toBe(2)
    await store.settle([{ id: second?.id as string, owner: 'me', outcome: outcome('parked') }])
    await add({ payload: 'behind', group: 'long' })
    await store.markBlocked(['a'])
    expect(await marked()).toEqual({ n: count - 1 })
    expect(await store.claim(new Map([['a', 4]]), 'me', 60_000)).toEqual([])
    expect(await store.discard(second?.id as string)).toBe(true)
    expect((await store.claim(new Map([['a', 4]]), 'me', 60_000)).map(({ payload }) => payload)).toEqual([3])
    // Somebody removes the first by hand.
    await database.asService((tx) => tx.query(`delete from msc_outbox.entries where owner = 'me'`))
    await store.markBlocked(['a'])
    expect((await store.claim(new Map([['a', 4]]), 'me', 60_000)).map(({ payload }) => payload)).toEqual([4])
  })

  it('is not held up by a kind whose receiver hangs, which is tried again', async () => {
    const got = receiver()
    const aborted: unknown[] = []
    const outbox = open({
      timeoutMs: 200,
      deliver: {
        hangs: (_entry, { signal }) =>
          new Promise((_, reject) =>
            signal.addEventListener('abort', () => (aborted.push(1), reject(signal.reason as Error))),
          ),
        deaf: () => new Promise(() => undefined),
        a: got.take,
      },
    })
    const hanging: string[] = []
    for (let n = 0; n < 20; n++) hanging.push(await add({ kind: n % 2 ? 'hangs' : 'deaf' }))
    for (let n = 0; n < 20; n++) await add({ payload: n })
    outbox.start()
    await got.has(20)
    await vi.waitFor(async () => {
      for (const { attempts, errorCode } of (await outbox.state(hanging)).slice(0, 4)) {
        expect(attempts).toBeGreaterThan(1)
        expect(errorCode).toBe('DEADLINE_EXCEEDED')
      }
    }, 10_000)
    expect(aborted.length).toBeGreaterThan(0)
  })

  it('parks what would fail again, says so once, and takes it up when it is told to', async () => {
    const got = receiver()
    const onError = vi.fn()
    let isBroken = true
    const outbox = open({
      onError,
      deliver: {
        a(entry) {
          if (entry.payload === 'bad' && isBroken) throw new MscError('user secret@example.com', { code: 'REFUSED' })
          got.take(entry)
        },
      },
    })
    outbox.start()
    const bad = await add({ payload: 'bad', group: 'g' })
    const behind = await add({ payload: 'behind', group: 'g' })
    await add({ payload: 'other' })
    await got.has(1)
    await vi.waitFor(async () => expect(await outbox.state([bad])).toMatchObject([{ state: 'parked', attempts: 1 }]))
    await outbox.flush()
    expect(await outbox.health()).toMatchObject({
      status: 'degraded',
      detail: expect.stringContaining('Parked entries: 1'),
      stats: { parked: 1, pending: 1, delivered: 1 },
    })
    const [parked] = await outbox.parked()
    expect(parked).toMatchObject({ id: bad, kind: 'a', group: 'g', errorCode: 'REFUSED' })
    expect(parked?.error).not.toContain('secret@example.com')
    expect(onError.mock.calls.map(([, context]) => context as unknown)).toEqual([
      expect.objectContaining({ concern: 'outbox', operation: 'deliver', kind: 'a', id: bad }),
    ])
    expect(await outbox.state([behind])).toMatchObject([{ state: 'pending' }])
    expect(await outbox.retry(behind)).toBe(false)
    isBroken = false
    expect(await outbox.retry(bad)).toBe(true)
    await got.has(3)
    expect(got.payloads()).toEqual(['other', 'bad', 'behind'])
    expect(await outbox.health()).toMatchObject({ status: 'ready' })
    isBroken = true
    const worse = await add({ payload: 'bad', group: 'g' })
    await add({ payload: 'after', group: 'g' })
    await vi.waitFor(async () => expect(await outbox.state([worse])).toMatchObject([{ state: 'parked' }]))
    expect(await outbox.discard(worse)).toBe(true)
    await got.has(4)
    expect(await outbox.state([worse])).toMatchObject([{ state: 'unknown' }])
  })

  it('tries what may pass for ever, and does not take the end of a process for a refusal', async () => {
    const errors: unknown[] = [
      new Error('plain'),
      undefined,
      new DriverError('x', 'away', { retryable: true, retryAfterMs: 30 }),
      new MscError('closed', { code: 'JOBS_CLOSED' }),
      new DriverError('x', 'who knows', { code: 'COMMIT_UNKNOWN' }),
    ]
    const got = receiver()
    const attempts: number[] = []
    const outbox = open({
      pollMs: 100,
      deliver: {
        a(entry, { attempt }) {
          attempts.push(attempt)
          if (attempt <= errors.length) throw errors[attempt - 1]
          got.take(entry)
        },
      },
    })
    outbox.start()
    await add()
    await got.has(1)
    expect(attempts).toEqual([1, 2, 3, 4, 5, 6])
  })

  it('says at once, and once, which kind nothing delivers, until something does', async () => {
    const onError = vi.fn()
    const old = open({ onError, pollMs: 600_000, deliver: { a: () => undefined } })
    old.start()
    const id = await add({ kind: 'new' })
    await add({ kind: 'new' })
    await vi.waitFor(() => expect(onError).toHaveBeenCalledTimes(1), { timeout: 10_000 })
    expect(onError.mock.calls[0]?.[0]).toMatchObject({
      code: 'OUTBOX_KIND_UNKNOWN',
      message: expect.stringContaining('the kind new'),
    })
    expect(await old.health()).toMatchObject({
      status: 'degraded',
      detail: expect.stringContaining('Nothing delivers the kind new'),
    })
    await add()
    await old.flush()
    // It waits, whatever the process that does not know it does.
    expect(await old.state([id])).toMatchObject([{ state: 'pending', attempts: 0 }])
    const got = receiver()
    open({ deliver: { a: () => undefined, new: got.take } }).start()
    await got.has(2)
    await vi.waitFor(async () => expect(await old.health()).toMatchObject({ status: 'ready' }))
    expect(onError).toHaveBeenCalledTimes(1)
  })

  it('does not mind a kind that another process delivers, or that it was told of', async () => {
    const onError = vi.fn()
    const old = open({ onError, pollMs: 50, unknownAfterMs: 0, elsewhere: ['other'], deliver: { a: () => undefined } })
    let end = (): void => undefined
    const held = new Promise<void>((resolve) => (end = resolve))
    const got = receiver()
    const deliver = {
      async new(entry: OutboxEntry): Promise<void> {
        got.take(entry)
        await held
      },
    }
    // Slow, with more to do than it has places.
    open({ concurrency: 1, elsewhere: ['other'], deliver }).start()
    const ids = [await add({ kind: 'new' }), await add({ kind: 'new' }), await add({ kind: 'other' })]
    await got.has(1)
    await database.asService((tx) =>
      tx.query(`update msc_outbox.entries set created_at = created_at - interval '1 hour'`),
    )
    old.start()
    await old.flush()
    await outboxStore(database, 'test').park(['new'], ['a', 'other'], 0)
    expect((await old.state(ids)).map(({ state }) => state)).toEqual(['pending', 'pending', 'pending'])
    expect(onError).not.toHaveBeenCalled()
    expect(JSON.stringify(await old.health())).not.toContain('Nothing delivers')
    end()
    // Between the end of the first and the claim of the second, nothing of the kind is claimed.
    await got.has(2)
    expect(onError).not.toHaveBeenCalled()
  })

  it('parks a kind that nothing delivers after a while, until something does', async () => {
    const onError = vi.fn()
    const old = open({ onError, pollMs: 50, unknownAfterMs: 0, deliver: { a: () => undefined } })
    old.start()
    const id = await add({ kind: 'new' })
    await vi.waitFor(
      async () => expect(await old.state([id])).toMatchObject([{ state: 'parked', errorCode: 'OUTBOX_KIND_UNKNOWN' }]),
      { timeout: 5000 },
    )
    expect(await old.health()).toMatchObject({
      status: 'degraded',
      detail: expect.stringMatching(/^Nothing delivers the kind new: [^.]*\.$/),
    })
    await old.close()
    const got = receiver()
    open({ deliver: { a: () => undefined, new: got.take } }).start()
    await got.has(1)
  })

  it('blames nobody for an entry that waits for its group, and parks nothing while another process is at work', async () => {
    const onError = vi.fn()
    const got = receiver()
    let end = (): void => undefined
    const held = new Promise<void>((resolve) => (end = resolve))
    const first = async (entry: OutboxEntry): Promise<void> => {
      got.take(entry)
      await held
    }
    open({ deliver: { first, next: got.take } }).start()
    await add({ kind: 'first', group: 'g' })
    await got.has(1)
    await add({ kind: 'next', group: 'g' })
    const id = await add({ kind: 'nobody' })
    await database.asService((tx) =>
      tx.query(`update msc_outbox.entries set created_at = created_at - interval '1 hour'`),
    )
    // A thousand times as fast: a second is a quarter of an hour.
    const clock: Clock = { ...systemClock, monotonic: () => systemClock.monotonic() * 1000 }
    const old = open({ clock, onError, pollMs: 50, unknownAfterMs: 0, deliver: { a: () => undefined } })
    old.start()
    await vi.waitFor(() => expect(onError).toHaveBeenCalled(), { timeout: 5000 })
    await vi.waitFor(async () => expect((await old.health()).detail).toContain('the kind nobody: '))
    expect(await old.state([id])).toMatchObject([{ state: 'pending' }])
    end()
    await got.has(2)
    await vi.waitFor(async () => expect(await old.state([id])).toMatchObject([{ state: 'parked' }]), { timeout: 5000 })
    expect(onError.mock.calls.map(([error]) => (error as Error).message)).toEqual([
      '[msc/outbox] Nothing delivers the kind nobody: its entries wait.',
    ])
  })

  it('sees which kinds wait for a process, by what is in the table', async () => {
    const [store, other] = [outboxStore(database, 'test'), outboxStore(database, 'other')]
    const look = async (by = store) => {
      const { kinds, othersAreBusy } = (await by.look(['a'], ['elsewhere'])).waiting
      return [kinds.map(({ kind }) => kind).join(), othersAreBusy]
    }
    const settle = (id: string, state: 'pending' | 'parked' | 'delivered', delayMs = 0) =>
      other.settle([{ id, owner: 'other/1', outcome: { state, delayMs, counts: true } }])
    const claim = () => other.claim(new Map([['first', 1]]), 'other/1', 60_000)
    const first = await add({ kind: 'first', group: 'g' })
    await add({ kind: 'next', group: 'g' })
    await add({ kind: 'elsewhere' })
    await add()
    expect(await look()).toEqual(['first', false])
    await claim()
    expect(await look()).toEqual(['', false])
    await add({ kind: 'single' })
    expect(await look()).toEqual(['single', true])
    expect(await look(other)).toEqual(['single', false])
    expect(await store.park(['single'], ['a'], 0)).toBe(0)
    // It is to be tried again.
    await settle(first, 'pending', 60_000)
    expect(await look()).toEqual(['single', false])
    await database.asService((tx) => tx.query(`update msc_outbox.entries set due_at = now() where kind = 'first'`))
    await claim()
    await settle(first, 'parked')
    expect(await look()).toEqual(['single', false])
    await store.retry(first)
    await claim()
    await settle(first, 'delivered')
    expect(await look()).toEqual(['next,single', false])
    await add({ kind: 'first' })
    // It was delivered just now, or so it seems when the database's clock was set back.
    expect(await look()).toEqual(['next,single', false])
    await database.asService((tx) =>
      tx.query(`update msc_outbox.entries set ended_at = now() + interval '1 hour' where id = $1`, [first]),
    )
    expect(await look()).toEqual(['first,next,single', false])
    expect(await store.park(['first', 'next'], ['a'], 3_600_000)).toBe(0)
    expect(await store.park(['first', 'next'], ['a'], 0)).toBe(2)
    expect(await look()).toEqual(['single', false])
  })

  it('shares the work among processes, each entry once', async () => {
    const got = receiver()
    const by = new Map<number, number>()
    const relays = [0, 1, 2].map((n) => {
      const own = another()
      const outbox = open({
        database: own,
        deliver: {
          async a(entry) {
            by.set(n, (by.get(n) ?? 0) + 1)
            await new Promise((resolve) => setImmediate(resolve))
            got.take(entry)
          },
        },
      })
      return { outbox, own }
    })
    const ids = await database.asService(async (tx) => {
      const added: string[] = []
      for (let n = 0; n < 60; n++)
        added.push(await addToOutbox(tx, { kind: 'a', payload: n, ...(n % 3 === 0 && { group: 'g' }) }))
      return added
    })
    for (const { outbox } of relays) outbox.start()
    await got.has(60)
    await Promise.all(relays.map(({ outbox }) => outbox.flush()))
    expect(got.entries.map(({ id }) => id).toSorted()).toEqual(ids.toSorted())
    expect(got.entries.filter(({ group }) => group === 'g').map(({ payload }) => payload)).toEqual(
      Array.from({ length: 20 }, (_, n) => n * 3),
    )
    expect(by.size).toBeGreaterThan(1)
    for (const { outbox, own } of relays) {
      await outbox.close()
      await own.close()
    }
  })

  it('takes over what a process that is gone had claimed, and nothing that is still being delivered', async () => {
    const store = outboxStore(database, 'test')
    const gone = await add({ payload: 'gone' })
    expect((await store.claim(new Map([['a', 1]]), 'gone', 400)).map(({ id }) => id)).toEqual([gone])
    const got = receiver()
    let end = (): void => undefined
    const slow = new Promise<void>((resolve) => (end = resolve))
    const deliveries: unknown[] = []
    const deliver = {
      async a(entry: OutboxEntry) {
        deliveries.push(entry.payload)
        if (entry.payload === 'slow') await slow
        got.take(entry)
      },
    }
    const first = open({ leaseMs: 1200, pollMs: 50, deliver })
    const second = open({ leaseMs: 1200, pollMs: 50, deliver })
    await add({ payload: 'slow' })
    first.start()
    second.start()
    await got.has(1)
    expect(got.payloads()).toEqual(['gone'])
    // Longer than two leases.
    await new Promise((resolve) => setTimeout(resolve, 2600))
    expect(deliveries.filter((each) => each === 'slow')).toEqual(['slow'])
    end()
    await got.has(2)
    expect(await first.state([gone])).toMatchObject([{ state: 'delivered', attempts: 2 }])
    // What the gone one says afterwards does not count.
    expect(
      await store.settle([{ id: gone, owner: 'gone', outcome: { state: 'parked', delayMs: 0, counts: true } }]),
    ).toEqual([])
  })

  it('does not mind clocks that jump', async () => {
    let offset = 0
    const clock: Clock = { ...systemClock, now: () => systemClock.now() + offset }
    const got = receiver()
    let isBroken = true
    const outbox = open({
      clock,
      pollMs: 100,
      deliver: {
        a(entry) {
          if (isBroken && entry.payload === 'late') throw new Error('no')
          got.take(entry)
        },
      },
    })
    outbox.start()
    for (const jump of [86_400_000, -2 * 86_400_000, 0]) {
      offset = jump
      await add({ payload: jump })
    }
    await got.has(3)
    // As if the database's clock had been set back by a day after these were written.
    const id = await add({ payload: 'late' })
    await vi.waitFor(async () => expect((await outbox.state([id]))[0]?.attempts).toBeGreaterThan(0))
    isBroken = false
    await database.asService((tx) =>
      tx.query(
        `update msc_outbox.entries set due_at = now() + interval '1 day', created_at = now() + interval '1 day' where id = $1 and state = 'pending'`,
        [id],
      ),
    )
    await got.has(4)
  })

  it('ends what is under way when it closes, and leaves the rest to the next process at once', async () => {
    const got = receiver()
    let end = (): void => undefined
    const held = new Promise<void>((resolve) => (end = resolve))
    const begun = receiver()
    const outbox = open({
      deliver: {
        async a(entry, { signal }) {
          begun.take(entry)
          if (entry.payload === 'ends') return held
          await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
        },
      },
    })
    outbox.start()
    const ends = await add({ payload: 'ends' })
    const hangs = await add({ payload: 'hangs' })
    await begun.has(2)
    const closing = outbox.close({ timeoutMs: 1000 })
    end()
    await closing
    const next = open({ deliver: { a: got.take } })
    expect(await next.state([ends, hangs])).toMatchObject([
      { state: 'delivered', attempts: 1 },
      { state: 'pending', attempts: 0 },
    ])
    next.start()
    await got.has(1)
    await expect(outbox.state([ends])).rejects.toMatchObject({ code: 'OUTBOX_CLOSED' })
    expect(() => outbox.start()).toThrow(expect.objectContaining({ code: 'OUTBOX_CLOSED' }))
  })

  it('removes what was delivered long ago', async () => {
    const got = receiver()
    const outbox = open({ keepMs: 0, pollMs: 50, deliver: { a: got.take } })
    outbox.start()
    const id = await add()
    await got.has(1)
    await vi.waitFor(async () => expect(await outbox.state([id])).toMatchObject([{ state: 'unknown' }]))
  })

  it('stays within its bounds', async () => {
    let most = 0
    let now = 0
    const got = receiver()
    const outbox = open({
      concurrency: 3,
      maxBytes: 4 * 393_216,
      deliver: Object.fromEntries(
        ['a', 'b', 'c'].map((each) => [
          each,
          async (entry: OutboxEntry) => {
            most = Math.max(most, (now += 1))
            await new Promise((resolve) => setImmediate(resolve))
            now -= 1
            got.take(entry)
          },
        ]),
      ),
    })
    await database.asService(async (tx) => {
      for (let n = 0; n < 45; n++) await addToOutbox(tx, { kind: ['a', 'b', 'c'][n % 3] as string, payload: n })
    })
    outbox.start()
    await got.has(45)
    expect(most).toBe(4)
  })

  it('lists what was parked, and refuses a limit that is none', async () => {
    const outbox = open({ deliver: { a: () => undefined } })
    expect(await outbox.parked({ limit: 5000 })).toEqual([])
    for (const given of [null, 5, { limit: 0 }, { limit: 1.5 }, { limit: Number.NaN }, { limit: '5' }]) {
      await expect(outbox.parked(given as never)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    }
  })

  it('says in its health why nothing can be claimed, and blames no payload for it', async () => {
    let isRefused = true
    const refusal = new ValidationError('[msc/database] Postgres refused a value of the claim.', [], {
      code: 'DATABASE_VALUE_INVALID',
    })
    const onError = vi.fn()
    const got = receiver()
    const outbox = open({
      database: refusingClaims(database, () => (isRefused ? refusal : undefined)),
      deliver: { a: got.take },
      pollMs: 50,
      onError,
    })
    await add()
    outbox.start()
    await vi.waitFor(() =>
      expect(onError).toHaveBeenCalledWith(refusal, expect.objectContaining({ operation: 'claim' })),
    )
    expect(await outbox.health()).toMatchObject({
      status: 'degraded',
      detail: expect.stringMatching(/Nothing is delivered.*Postgres refused a value of the claim/),
    })
    isRefused = false
    await got.has(1)
    expect((await outbox.health()).status).toBe('ready')
  })

  it('stores what a delivery failed with, whatever characters that has', async () => {
    const failing = (): never => {
      throw new MscError('a\0b \ud83d', { code: 'NOT_TODAY' })
    }
    const outbox = open({ deliver: { a: failing } })
    const id = await add()
    outbox.start()
    await vi.waitFor(async () => expect(await outbox.state([id])).toMatchObject([{ state: 'parked' }]))
    expect(await outbox.state([id])).toMatchObject([{ error: 'a\u{fffd}b \u{fffd}', errorCode: 'NOT_TODAY' }])
  })

  it('refuses an entry that is none', async () => {
    for (const entry of [null, undefined, 'a', []]) {
      const adding = database.asService((tx) => addToOutbox(tx, entry as never))
      await expect(adding).rejects.toMatchObject({ code: 'OUTBOX_ENTRY_INVALID' })
    }
  })

  it('refuses options that are none', () => {
    for (const options of [
      { deliver: {} },
      { deliver: undefined },
      { deliver: { 'a b': () => 1 } },
      { deliver: { a: 'no' } },
      { deliver: { a: () => 1 }, leaseMs: 9e9 },
      { deliver: { a: () => 1 }, concurrency: 0 },
      { deliver: { a: () => 1 }, database: {} },
    ]) {
      const given: object = { database, ...options }
      expect(() => createOutbox(given as never)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
    }
  })
})

/** The same database, which refuses each claim for as long as `refusal` returns an error. */
function refusingClaims(database: Database, refusal: () => Error | undefined): Database {
  return {
    ...database,
    asService: (work, options) =>
      database.asService((tx) => {
        const query = (async (sql: string, params: readonly unknown[]) => {
          const error = /^with .*owner = \$3/s.test(sql) ? refusal() : undefined
          if (error) throw error
          return tx.query(sql, params)
        }) as typeof tx.query
        return work({ ...tx, query })
      }, options),
  }
}

it('says that the database has no outbox', async () => {
  const database = createDatabase({ driver: pglite() })
  await database.migrate([])
  const expected = { code: 'OUTBOX_NOT_MIGRATED', hint: expect.stringContaining('outboxMigration()') }
  await expect(database.asService((tx) => addToOutbox(tx, { kind: 'a', payload: 1 }))).rejects.toMatchObject(expected)
  const onError = vi.fn()
  const outbox = createOutbox({ database, onError, deliver: { a: () => undefined } })
  outbox.start()
  await vi.waitFor(() => expect(onError).toHaveBeenCalled())
  expect(onError.mock.calls[0]?.[0]).toMatchObject(expected)
  expect(await outbox.health()).toMatchObject({ status: 'down', code: 'OUTBOX_NOT_MIGRATED' })
  await outbox.close()
  await database.close()
}, 60_000)
