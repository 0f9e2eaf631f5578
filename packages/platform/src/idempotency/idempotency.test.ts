import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { startPostgres, type RunningPostgres } from '@msc/core/testing/postgres'
import { createManualClock } from '@msc/core/testing'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { createDatabase } from '../database/create-database.ts'
import type { Database } from '../database/database.ts'
import { pglite } from '../database/drivers/pglite.ts'
import { postgres } from '../database/drivers/postgres.ts'
import { createIdempotency } from './create-idempotency.ts'
import { idempotentId } from './idempotency-key.ts'
import { idempotencyMigration } from './idempotency-migration.ts'
import type { Idempotency, IdempotencyOptions, IdempotentRequest } from './idempotency.ts'

const APPLICATION = {
  version: '20260101000000_application',
  sql: `
    create table releases (id uuid primary key, title text not null);
    grant all on releases to service_role;
  `,
}

/** A promise that is settled from outside. */
function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => (open = resolve))
  return { opened, open }
}

describe.each(['pglite', 'postgres'] as const)('idempotency on %s', (driver) => {
  let server: RunningPostgres | undefined
  let database: Database
  let run = 0
  const opened: Idempotency[] = []
  const make = (options: Partial<IdempotencyOptions> = {}): Idempotency => {
    const idempotency = createIdempotency({ database, onError: () => {}, ...options })
    opened.push(idempotency)
    return idempotency
  }
  const asked = (more: Partial<IdempotentRequest> = {}): IdempotentRequest => ({
    caller: ['user', `u${run}`],
    operation: ['POST', '/api/releases'],
    key: 'k',
    fingerprint: 'f',
    ...more,
  })
  const sql = (text: string, params: unknown[] = []): Promise<readonly Record<string, unknown>[]> =>
    database.asService((tx) => tx.query(text, params))
  const created = (): Promise<Response> =>
    Promise.resolve(Response.json({ id: 1 }, { status: 201, headers: { location: '/1', 'x-secret': 's' } }))

  beforeAll(async () => {
    server = driver === 'postgres' ? await startPostgres() : undefined
    database = createDatabase({ driver: server ? postgres({ url: server.url }) : pglite(), onError: () => {} })
    await database.migrate([APPLICATION, idempotencyMigration()])
  })
  afterEach(async () => {
    run += 1
    vi.restoreAllMocks()
    await Promise.all(opened.splice(0).map((each) => each.close()))
  })
  afterAll(async () => {
    await database?.close()
    await server?.close()
  })

  it('answers a repeated request with the first answer, by whichever process', async () => {
    const work = vi.fn(created)
    const first = await make().run(asked(), work)
    expect([first.status, await first.json(), first.headers.get('idempotency-replayed')]).toEqual([
      201,
      { id: 1 },
      null,
    ])
    const second = await make().run(asked(), work)
    expect(work).toHaveBeenCalledTimes(1)
    expect([second.status, await second.json()]).toEqual([201, { id: 1 }])
    expect(Object.fromEntries(second.headers)).toEqual({
      'content-type': 'application/json',
      location: '/1',
      'idempotency-replayed': 'true',
    })
  })

  it.each([
    ['bytes', () => new Response(Uint8Array.of(0, 255, 1, 254), { headers: { 'content-type': 'image/png' } })],
    ['no body', () => new Response(null, { status: 204 })],
    ['a redirect', () => Response.redirect('http://a.example/b', 303)],
    ['60 kB', () => new Response('\u20ac'.repeat(20_000))],
    ['a mistake of the client', () => Response.json({ code: 'X' }, { status: 422 })],
  ])('replays %s as it was', async (_, respond) => {
    const idempotency = make()
    const first = await idempotency.run(asked(), async () => respond())
    const second = await idempotency.run(asked(), () => Promise.reject(new Error('ran again')))
    expect(second.headers.get('idempotency-replayed')).toBe('true')
    expect(second.status).toBe(first.status)
    expect(second.headers.get('location')).toBe(first.headers.get('location'))
    expect(new Uint8Array(await second.arrayBuffer())).toEqual(new Uint8Array(await first.arrayBuffer()))
  })

  it('refuses a second request while the first is running, and one that asks for something else', async () => {
    const idempotency = make()
    const { opened: may, open } = gate()
    const begun = gate()
    const first = idempotency.run(asked(), async () => {
      begun.open()
      await may
      return created()
    })
    await begun.opened
    const second = await idempotency.run(asked(), created)
    expect([second.status, second.headers.get('retry-after')]).toEqual([409, '1'])
    expect((await idempotency.run(asked({ fingerprint: 'g' }), created)).status).toBe(422)
    open()
    expect((await first).status).toBe(201)
    expect((await idempotency.run(asked({ fingerprint: 'g' }), created)).status).toBe(422)
  })

  it('runs one of many that arrive at once', async () => {
    const work = vi.fn(created)
    const [one, other] = [make(), make()]
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => (i % 2 ? one : other).run(asked(), work)))
    expect(work).toHaveBeenCalledTimes(1)
    for (const { status } of answers) expect([201, 409]).toContain(status)
  })

  it('keeps callers, routes and keys apart', async () => {
    const work = vi.fn(created)
    const idempotency = make()
    const all: Partial<IdempotentRequest>[] = [
      {},
      { caller: ['address', `u${run}`] },
      { caller: ['user', 'other'] },
      { operation: ['PATCH', '/api/releases'] },
      { operation: ['POST', '/api/releases/[id]'] },
      { key: 'l' },
      { caller: ['user'], operation: [`u${run}`, 'POST', '/api/releases'] },
    ]
    const keys = new Set<string>()
    for (const each of all) {
      await idempotency.run(asked(each), (key) => {
        keys.add(key)
        return work()
      })
    }
    expect(work).toHaveBeenCalledTimes(all.length)
    expect(keys.size).toBe(all.length)
  })

  it.each([
    ['fails', () => new Response(null, { status: 500 })],
    ['asks to wait', () => new Response(null, { status: 429 })],
    ['refuses the user', () => new Response(null, { status: 403 })],
    ['sets a cookie', () => new Response('x', { headers: { 'set-cookie': 'a=b' } })],
    ['is too large', () => new Response('x'.repeat(65_537))],
    ['is a stream of events', () => new Response('x', { headers: { 'content-type': 'text/event-stream' } })],
    ['never ends', () => new Response(new ReadableStream({ start: (to) => to.enqueue(Uint8Array.of(65)) }))],
    ['breaks off', () => new Response(new ReadableStream({ start: (to) => to.error(new Error('broken')) }))],
    [
      'throws',
      () => {
        throw new Error('mine')
      },
    ],
  ])('keeps no answer that %s, and runs the request again', async (name, respond) => {
    const idempotency = make()
    const keys: string[] = []
    const once = (): Promise<Response> =>
      idempotency.run(asked(), async (key) => {
        keys.push(key)
        return respond()
      })
    for (let i = 0; i < 2; i++) {
      if (name === 'throws') await expect(once()).rejects.toThrow('mine')
      else {
        const response = await once()
        if (name === 'is too large') expect((await response.text()).length).toBe(65_537)
        expect(response.headers.get('idempotency-replayed')).toBeNull()
      }
    }
    expect(keys).toHaveLength(2)
    expect(keys[0]).toBe(keys[1])
    expect(await sql('select 1 from msc_idempotency.requests where status is null')).toEqual([])
  })

  it('stores neither the key nor who sent it, nor a header field that was not chosen', async () => {
    await make({ headers: ['X-Chosen'] }).run(
      asked({ key: 'visible-key', caller: ['user', 'visible-user'] }),
      async () => Response.json({}, { headers: { 'x-chosen': 'c', 'x-other': 'visible-other' } }),
    )
    const [row] = await sql('select *, encode(key, $1) from msc_idempotency.requests order by created_at desc', [
      'escape',
    ])
    const text = JSON.stringify(row)
    expect(text).toContain('x-chosen')
    for (const secret of ['visible-key', 'visible-user', 'visible-other']) expect(text).not.toContain(secret)
  })

  it('forgets an answer after its time, by the database’s clock', async () => {
    const work = vi.fn(created)
    const idempotency = make()
    await idempotency.run(asked(), work)
    await sql(`update msc_idempotency.requests set expires_at = now()`)
    await idempotency.run(asked({ fingerprint: 'g' }), work)
    expect(work).toHaveBeenCalledTimes(2)
  })

  it('removes expired rows in the background, and what one caller has too many of', async () => {
    const clock = createManualClock()
    const idempotency = make({ clock, maxPerCaller: 3, timeoutMs: 3_600_000 })
    for (let i = 0; i < 6; i++) await idempotency.run(asked({ key: `k${i}` }), created)
    const keys = (): Promise<readonly unknown[]> => sql('select 1 from msc_idempotency.requests')
    const before = (await keys()).length
    await sql('update msc_idempotency.requests set expires_at = now()')
    await idempotency.run(asked({ caller: ['user', 'other'] }), created)
    expect(before).toBeGreaterThanOrEqual(3)
    await clock.advance(61_000)
    await vi.waitFor(async () => expect(await keys()).toHaveLength(1))
    for (let i = 0; i < 6; i++) await idempotency.run(asked({ key: `m${i}` }), created)
    expect(await keys()).toHaveLength(4)
  })

  it('holds the key of a run that takes longer than its lease', async () => {
    const clock = createManualClock()
    const idempotency = make({ clock, leaseMs: 30_000 })
    const { opened: may, open } = gate()
    const begun = gate()
    const first = idempotency.run(asked(), async () => {
      begun.open()
      await may
      return created()
    })
    await begun.opened
    await sql(`update msc_idempotency.requests set leased_until = now() + interval '1 ms' where status is null`)
    await clock.advance(10_001)
    await vi.waitFor(async () => {
      expect(
        await sql(`select 1 from msc_idempotency.requests where leased_until > now() + interval '20 s'`),
      ).toHaveLength(1)
    })
    expect((await idempotency.run(asked(), created)).status).toBe(409)
    open()
    expect((await first).status).toBe(201)
    expect(clock.pending).toBe(1)
  })

  it('lets a run that has lost its key neither record nor release', async () => {
    const idempotency = make()
    const { opened: may, open } = gate()
    const begun = gate()
    const late = idempotency.run(asked(), async () => {
      begun.open()
      await may
      return Response.json('late')
    })
    await begun.opened
    await sql(`update msc_idempotency.requests set leased_until = now() where status is null`)
    await idempotency.run(asked(), async () => Response.json('second'))
    open()
    expect(await (await late).json()).toBe('late')
    expect(await (await idempotency.run(asked(), created)).json()).toBe('second')
  })

  it('says that it does not know while the database is away, and runs nothing', async () => {
    const work = vi.fn(created)
    const away = { ...database, asService: () => Promise.reject(new Error('away')) } as Database
    await expect(make({ database: away }).run(asked(), work)).rejects.toMatchObject({
      code: 'IDEMPOTENCY_UNAVAILABLE',
      retryable: true,
    })
    const empty = { ...database, asService: () => Promise.reject(Object.assign(new Error(), { code: '42P01' })) }
    await expect(make({ database: empty as Database }).run(asked(), work)).rejects.toMatchObject({
      code: 'IDEMPOTENCY_NOT_MIGRATED',
    })
    expect(work).not.toHaveBeenCalled()
  })

  // PGlite has neither an outage nor another process.
  if (driver === 'postgres')
    it('waits for a silent database no longer than it may, and then works again', async () => {
      const work = vi.fn(created)
      const idempotency = make({ timeoutMs: 300 })
      server?.pause()
      try {
        await expect(idempotency.run(asked(), work)).rejects.toMatchObject({ code: 'IDEMPOTENCY_UNAVAILABLE' })
        expect(work).not.toHaveBeenCalled()
      } finally {
        server?.resume()
      }
      await vi.waitFor(async () => expect((await idempotency.run(asked(), work)).status).toBe(201), 10_000)
    })

  it('gives the answer although it can not be kept', async () => {
    const onError = vi.fn()
    let away = false
    const flaky: Database = {
      ...database,
      asService: (work) => (away ? Promise.reject(new Error('x')) : database.asService(work)),
    }
    const idempotency = make({ database: flaky, onError })
    const response = await idempotency.run(asked(), async () => {
      away = true
      return created()
    })
    expect(response.status).toBe(201)
    expect(onError).toHaveBeenCalledWith(expect.anything(), expect.objectContaining({ operation: 'record' }))
  })

  it('keeps the answer when the database is back, if it was away at that moment', async () => {
    const onError = vi.fn()
    let away = false
    const flaky: Database = {
      ...database,
      asService: (work) => (away ? Promise.reject(new Error('x')) : database.asService(work)),
    }
    const idempotency = make({ database: flaky, onError })
    const work = vi.fn(async () => {
      away = true
      return created()
    })
    expect((await idempotency.run(asked(), work)).status).toBe(201)
    expect((await make().run(asked(), work)).status).toBe(409)
    away = false
    expect((await idempotency.health()).stats).toEqual({ recording: 1 })
    await vi.waitFor(async () => {
      expect((await make().run(asked(), work)).headers.get('idempotency-replayed')).toBe('true')
    }, 5000)
    expect(work).toHaveBeenCalledTimes(1)
    expect(onError).toHaveBeenCalledTimes(1)
    await vi.waitFor(async () => expect((await idempotency.health()).stats).toEqual({ recording: 0 }))
  })

  it('tries once more to keep an answer when it closes', async () => {
    let away = false
    const flaky: Database = {
      ...database,
      asService: (work) => (away ? Promise.reject(new Error('x')) : database.asService(work)),
    }
    const idempotency = make({ database: flaky })
    await idempotency.run(asked(), async () => {
      away = true
      return created()
    })
    away = false
    await idempotency.close()
    expect((await make().run(asked(), created)).headers.get('idempotency-replayed')).toBe('true')
  })

  it('holds the key of a run for longer than answers are kept, while its lease is not over', async () => {
    await sql('delete from msc_idempotency.requests')
    const clock = createManualClock()
    const idempotency = make({ clock, keep: '1ms', timeoutMs: 3_600_000, leaseMs: 600_000 })
    const work = vi.fn(created)
    const { opened: may, open } = gate()
    const begun = gate()
    const first = idempotency.run(asked(), async () => {
      begun.open()
      await may
      return work()
    })
    await begun.opened
    await sql(`update msc_idempotency.requests set expires_at = now() - interval '1 hour'`)
    await sql(
      `insert into msc_idempotency.requests (key, caller, fingerprint, claim, leased_until, expires_at)
       select sha256('dead'), caller, fingerprint, gen_random_uuid(), now(), now() from msc_idempotency.requests
       where status is null`,
    )
    const running = (): Promise<readonly unknown[]> =>
      sql('select 1 from msc_idempotency.requests where status is null')
    expect(await running()).toHaveLength(2)
    // What is over is pruned, and what goes on is not.
    await clock.advance(61_000)
    await vi.waitFor(async () => expect(await running()).toHaveLength(1))
    expect((await idempotency.run(asked(), work)).status).toBe(409)
    expect((await idempotency.run(asked({ fingerprint: 'g' }), work)).status).toBe(422)
    open()
    expect((await first).status).toBe(201)
    expect(work).toHaveBeenCalledTimes(1)
  })

  it('is well, and refuses calls after it was closed', async () => {
    const idempotency = make()
    expect(await idempotency.health()).toMatchObject({ concern: 'idempotency', status: 'ready' })
    await idempotency.close()
    await expect(idempotency.run(asked(), created)).rejects.toMatchObject({ code: 'IDEMPOTENCY_CLOSED' })
    expect(() => make({ headers: ['Set-Cookie'] })).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
  })

  // PGlite has neither an outage nor another process.
  if (driver === 'postgres')
    it('makes no second row of a request whose process was killed after its commit and before its answer was kept', async () => {
      const script = fileURLToPath(new URL('./__fixtures__/killed.ts', import.meta.url))
      const leaseMs = 1500
      const signal = await new Promise((resolve) => {
        execFile(
          process.execPath,
          ['--conditions=@msc/source', '--no-warnings', script, server?.url as string, 'f', String(leaseMs)],
          (error) => resolve(error?.signal),
        )
      })
      expect(signal).toBe('SIGKILL')
      expect(await sql(`select 1 from releases where title = 'killed'`)).toHaveLength(1)
      const idempotency = make({ leaseMs })
      const statuses: number[] = []
      const retry = (): Promise<Response> =>
        idempotency.run(asked({ caller: ['user', 'killed'] }), async (idempotencyKey) => {
          const id = await idempotentId(idempotencyKey, 'release')
          await sql(`insert into releases (id, title) values ($1, 'killed') on conflict (id) do nothing`, [id])
          return Response.json({ id }, { status: 201 })
        })
      await vi.waitFor(
        async () => {
          const { status } = await retry()
          statuses.push(status)
          expect(status).toBe(201)
        },
        { timeout: 10_000, interval: 100 },
      )
      // The dead run held the key until its lease ended.
      expect(statuses.slice(0, -1).every((status) => status === 409)).toBe(true)
      expect(await sql(`select 1 from releases where title = 'killed'`)).toHaveLength(1)
      expect((await retry()).headers.get('idempotency-replayed')).toBe('true')
    })
})
