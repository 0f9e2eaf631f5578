import { readFile } from 'node:fs/promises'
import { startPostgres, type RunningPostgres } from '@msc/core/testing/postgres'
import {
  createDatabase,
  createSessions,
  type Sessions,
  idempotencyMigration,
  outboxMigration,
  sessionsMigration,
  setDefaultDatabase,
  type Claims,
  type Database,
  type DatabaseDriver,
  type Transaction,
} from '@msc/platform'
import { pglite } from '@msc/platform/database/pglite'
import { postgres } from '@msc/platform/database/postgres'
import { createCache } from '@msc/cache'
import { memory } from '@msc/cache/memory'
import { databasePolicies, feedMigration, type PolicyClient, type TopicAction } from '@msc/realtime/server'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { analyseLyrics } from '../lyrics.ts'
import { releaseForAnalysis, storeAnalysis, type AnalysedRelease } from '../releases.ts'
import { asService, asUser, sqlState } from './database.ts'
import { migrations } from './migrations.ts'
import { seed, seededUsers } from './seed.ts'

const [artist, admin] = seededUsers
const other = '33333333-3333-4333-8333-333333333333'

it.each([
  ['20261127000000_msc_sessions.sql', sessionsMigration],
  ['20261127000010_msc_outbox.sql', outboxMigration],
  ['20261127000020_msc_idempotency.sql', idempotencyMigration],
])('%s is what its package makes now', async (name, made) => {
  const file = await readFile(new URL(`../../supabase/migrations/${name}`, import.meta.url), 'utf8')
  expect(file).toBe(made().sql)
})

it('include the feeds as the generator makes them now', async () => {
  const file = new URL('../../supabase/migrations/20261127000700_feeds.sql', import.meta.url)
  const made = feedMigration(
    [
      { table: 'notifications', owner: 'user_id' },
      { table: 'releases', owner: 'user_id' },
    ],
    { deliver: 'relay' },
  )
  expect((await readFile(file, 'utf8')).endsWith(made)).toBe(true)
})

let server: RunningPostgres
beforeAll(async () => {
  server = await startPostgres()
}, 60_000)
afterAll(() => server?.close())

const drivers: readonly (readonly [string, () => DatabaseDriver])[] = [
  ['pglite', () => pglite()],
  ['postgres', () => postgres({ url: server.url })],
]

describe.each(drivers)('on %s', (_, driver) => {
  let database: Database
  /** The claims of each person, in a session of their own. */
  let people: Readonly<Record<'artist' | 'other' | 'admin' | 'ended' | 'none' | 'forged', Claims>>

  const sessionsOf = (): Sessions<{ id: string }> =>
    createSessions({
      database,
      cache: createCache({ driver: memory() }),
      loadUser: async (tx, id) => (await tx.query<{ id: string }>('select id from profiles where id = $1', [id]))[0],
    })

  beforeAll(async () => {
    database = createDatabase({ driver: driver() })
    setDefaultDatabase(database)
    await database.migrate(await migrations())
    await seed(database)
    const client = await database.client()
    await client.query(`insert into auth.users (id, email, encrypted_password) values ($1, 'other@msc.example', 'x')`, [
      other,
    ])
    await client.query(`insert into profiles (id, email, display_name) values ($1, 'other@msc.example', 'Other')`, [
      other,
    ])
    const sessions = sessionsOf()
    const claims = async (sub: string): Promise<Claims> => ({
      sub,
      role: 'authenticated',
      session_id: (await sessions.start(sub)).sessionId,
    })
    const started = await sessions.start(artist.id)
    await sessions.end(started.token)
    people = {
      artist: await claims(artist.id),
      other: await claims(other),
      admin: await claims(admin.id),
      ended: { sub: artist.id, role: 'authenticated', session_id: started.sessionId },
      none: { sub: artist.id, role: 'authenticated' },
      // An admin by the token's word alone, and in a session that never was.
      forged: {
        sub: artist.id,
        role: 'authenticated',
        session_id: '99999999-9999-4999-8999-999999999999',
        app_metadata: { role: 'admin' },
      },
    }
    await sessions.close()
  }, 60_000)
  afterAll(async () => {
    setDefaultDatabase(undefined)
    await database.close()
  })

  const rows = async (claims: Claims, sql: string, params: readonly unknown[] = []): Promise<number> =>
    (await asUser(claims, (tx) => tx.query(sql, params))).length
  /** Returns what a statement ends with: `ok`, or the SQLSTATE. */
  const outcome = async (work: () => Promise<unknown>): Promise<string> => {
    try {
      await work()
      return 'ok'
    } catch (error) {
      return sqlState(error) ?? String(error)
    }
  }
  const as = (claims: Claims, sql: string, params: readonly unknown[] = []): Promise<string> =>
    outcome(() => asUser(claims, (tx) => tx.query(sql, params)))
  const service = (sql: string, params: readonly unknown[] = []): Promise<string> =>
    outcome(() => asService((tx) => tx.query(sql, params)))
  const draft = async (claims: Claims, lyrics = ''): Promise<string> => {
    const [row] = await asUser(claims, (tx) =>
      tx.query<{ id: string }>(
        `insert into releases (user_id, title, artist_name, genre, release_date, lyrics)
         values ($1, 't', 'a', 'Pop', '2026-12-01', $2) returning id`,
        [claims.sub, lyrics],
      ),
    )
    return (row as { id: string }).id
  }
  const move = (claims: Claims, id: string, to: string, note?: string): Promise<string> =>
    as(claims, 'select public.move_release($1, $2, $3, (select version from releases where id = $1))', [
      id,
      to,
      note ?? null,
    ])

  it('migrates and seeds once', async () => {
    expect(await database.migrate(await migrations())).toEqual([])
    await seed(database)
    const [row] = await asService((tx) => tx.query<{ count: number }>('select count(*)::int as count from profiles'))
    expect(row?.count).toBe(seededUsers.length + 1)
  })

  describe('every table and role', () => {
    const tables = ['profiles', 'releases', 'notifications', 'subscriptions', 'charges', 'mails'] as const
    type Table = (typeof tables)[number]
    const changes: Readonly<Record<Table, string>> = {
      profiles: `role = 'admin'`,
      releases: `status = 'live'`,
      notifications: `title = 'x'`,
      subscriptions: `amount = 1, paid_until = now() + interval '10 years'`,
      charges: `amount = 1, refunded_at = now()`,
      mails: `recipient = 'x'`,
    }
    const readable: Readonly<Record<Table, readonly string[]>> = {
      profiles: ['authenticated', 'service_role'],
      releases: ['authenticated', 'service_role'],
      notifications: ['authenticated', 'service_role'],
      subscriptions: ['authenticated', 'service_role'],
      charges: ['authenticated', 'service_role'],
      mails: ['service_role'],
    }
    /** What a role may do at all to rows that it sees; everything else is refused for want of the right. */
    const deletable: Readonly<Record<string, readonly string[]>> = {
      authenticated: ['releases'],
      service_role: ['notifications'],
    }
    const insertable: Readonly<Record<string, readonly string[]>> = {
      authenticated: [],
      service_role: ['notifications', 'mails'],
    }

    for (const table of tables) {
      for (const role of ['anon', 'authenticated', 'service_role'] as const) {
        it(`${table}, ${role}`, async () => {
          const claims: Claims = role === 'authenticated' ? people.artist : { sub: artist.id, role }
          const may = (allowed: boolean): string => (allowed ? 'ok' : '42501')
          expect(await as(claims, `select 1 from ${table}`)).toBe(may(readable[table].includes(role)))
          // Status, role, money and other people's words: nobody, whatever the role.
          expect(await as(claims, `update ${table} set ${changes[table]}`)).toBe('42501')
          expect(await as(claims, `delete from ${table} where false`)).toBe(
            may(deletable[role]?.includes(table) ?? false),
          )
          expect(await as(claims, `truncate ${table}`)).toBe('42501')
          const inserted = await as(claims, `insert into ${table} select * from ${table} where false`)
          expect(inserted).toBe(may(insertable[role]?.includes(table) ?? false))
        })
      }

      it(`${table}: nobody in a session that has ended, never was, or is none`, async () => {
        if (!readable[table].includes('authenticated')) return
        for (const who of ['ended', 'none', 'forged'] as const) {
          expect(await rows(people[who], `select 1 from ${table}`), who).toBe(0)
        }
      })
    }

    it('their own rows and no others', async () => {
      await asService((tx) => tx.query(`select public.charge('k1', $1, 's', 990)`, [artist.id]))
      await asService((tx) =>
        tx.query(`insert into notifications (user_id, type, title) values ($1, 'x', 'x')`, [artist.id]),
      )
      for (const table of ['releases', 'notifications', 'subscriptions', 'charges'] as const) {
        expect(await rows(people.artist, `select 1 from ${table}`), table).toBeGreaterThan(0)
        expect(await rows(people.other, `select 1 from ${table}`), table).toBe(0)
        const seenByAdmin = await rows(people.admin, `select 1 from ${table} where user_id = $1`, [artist.id])
        if (table === 'notifications') expect(seenByAdmin).toBe(0)
        else expect(seenByAdmin, table).toBeGreaterThan(0)
      }
      expect(await rows(people.artist, 'select 1 from profiles')).toBe(1)
      expect(await rows(people.admin, 'select 1 from profiles')).toBe(3)
    })

    it('nothing in the schemas of the platform', async () => {
      for (const table of ['msc_sessions.sessions', 'msc_outbox.entries', 'msc_idempotency.requests', 'auth.users']) {
        expect(await as(people.artist, `select 1 from ${table}`), table).toBe('42501')
      }
    })

    it('no function but those that check who asks', async () => {
      const forbidden = [
        `public.create_account('a@b.example', 'h', 'n', 'admin')`,
        `public.set_password('${admin.id}', 'h')`,
        `public.credentials('${admin.email}')`,
        `public.charge('k', '${artist.id}', 'r', 1)`,
        `public.refund('${artist.id}')`,
        `public.set_paid_until('${artist.id}', now())`,
        `public.renewal_failed('${artist.id}', 'x')`,
        `msc_outbox.add('event', '{}')`,
        `msc_sessions.end_all('${admin.id}', 'x')`,
      ]
      for (const call of forbidden) expect(await as(people.artist, `select ${call}`), call).toBe('42501')
    })

    it('nothing to say by SQL: what Supabase’s functions are called with goes nowhere, and fails no write', async () => {
      for (const call of [
        `realtime.send('{}', 'forged', 'feed:releases:${other}', true)`,
        `realtime.send('{}', 'forged', 'anything', false)`,
        `realtime.send_binary('x', 'forged', 'anything', false)`,
      ]) {
        expect(await as(people.artist, `select ${call}`), call).toBe('ok')
      }
      // Each of these functions writes a row into this table, from which everything else follows.
      await asService(async (tx) => {
        expect(await tx.query(`select 1 from realtime.messages where event = 'forged'`)).toEqual([])
      })
    })
  })

  describe('a release', () => {
    it('can be created for oneself only, as a draft', async () => {
      const insert = (owner: string, more = '', values = ''): Promise<string> =>
        as(
          people.artist,
          `insert into releases (user_id, title, artist_name, genre, release_date${more})
           values ($1, 't', 'a', 'Pop', '2026-12-01'${values})`,
          [owner],
        )
      expect(await insert(artist.id)).toBe('ok')
      expect(await insert(other)).toBe('42501')
      expect(await insert(artist.id, ', status', `, 'live'`)).toBe('42501')
    })

    it('moves by its transitions, state by state and actor by actor', async () => {
      const states = ['draft', 'submitted', 'live'] as const
      const reach: Readonly<Record<(typeof states)[number], (id: string) => Promise<void>>> = {
        draft: async () => undefined,
        submitted: async (id) => void (await move(people.artist, id, 'submitted')),
        live: async (id) => {
          await move(people.artist, id, 'submitted')
          await move(people.admin, id, 'live')
        },
      }
      // From, to: what the artist gets, a stranger, an admin with a reason.
      const expected: Readonly<Record<string, readonly [string, string, string]>> = {
        'draft draft': ['MT409', 'P0002', 'MT409'],
        'draft submitted': ['ok', 'P0002', '42501'],
        'draft live': ['MT409', 'P0002', 'MT409'],
        'submitted draft': ['ok', 'P0002', 'ok'],
        'submitted submitted': ['MT409', 'P0002', 'MT409'],
        'submitted live': ['42501', 'P0002', 'ok'],
        'live draft': ['42501', 'P0002', 'ok'],
        'live submitted': ['MT409', 'P0002', 'MT409'],
        'live live': ['MT409', 'P0002', 'MT409'],
        'draft deleted': ['MT409', 'P0002', 'MT409'],
      }
      for (const [step, outcomes] of Object.entries(expected)) {
        const [from, to] = step.split(' ') as [(typeof states)[number], string]
        for (const [index, who] of (['artist', 'other', 'admin'] as const).entries()) {
          const id = await draft(people.artist)
          await reach[from](id)
          expect(await move(people[who], id, to, 'because'), `${step}, ${who}`).toBe(outcomes[index])
        }
      }
    })

    it('is published as it was read, or not at all', async () => {
      const id = await draft(people.artist)
      const publish = (version: number | null): Promise<string> =>
        as(people.admin, 'select public.move_release($1, $2, null, $3)', [id, 'live', version])
      await move(people.artist, id, 'submitted')
      await move(people.artist, id, 'draft')
      expect(await as(people.artist, `update releases set lyrics = 'other words' where id = $1`, [id])).toBe('ok')
      expect(await as(people.artist, `update releases set updated_at = now() where id = $1`, [id])).toBe('ok')
      expect(await as(people.artist, `update releases set version = 1 where id = $1`, [id])).toBe('42501')
      await move(people.artist, id, 'submitted')
      expect(await publish(1)).toBe('MT409')
      expect(await publish(null)).toBe('MT409')
      expect(await publish(2)).toBe('ok')
    })

    it('is moved by nobody in a session that has ended, and by no service', async () => {
      const id = await draft(people.artist)
      for (const who of ['ended', 'none', 'forged'] as const) {
        expect(await move(people[who], id, 'submitted'), who).toBe('42501')
      }
      expect(await service('select public.move_release($1, $2)', [id, 'submitted'])).toBe('42501')
    })

    it('is sent back with a reason, which its artist reads until it is submitted again', async () => {
      const id = await draft(people.artist)
      await move(people.artist, id, 'submitted')
      expect(await move(people.admin, id, 'draft')).toBe('23514')
      expect(await move(people.admin, id, 'draft', '  ')).toBe('23514')
      expect(await move(people.admin, id, 'draft', '\n\t\u200b\u2800\u3164\u{e0001}')).toBe('23514')
      expect(await move(people.other, id, 'draft', 'x')).not.toBe('ok')
      expect(await move(people.admin, id, 'draft', ' The cover is blurred ')).toBe('ok')
      const note = async (): Promise<unknown> =>
        (await asUser(people.artist, (tx) => tx.query('select review_note from releases where id = $1', [id])))[0]
      expect(await note()).toEqual({ review_note: 'The cover is blurred' })
      await move(people.artist, id, 'submitted')
      expect(await note()).toEqual({ review_note: null })
    })

    it('is changed and deleted as a draft only, by its artist', async () => {
      const id = await draft(people.artist)
      const change = (who: keyof typeof people): Promise<number> =>
        rows(people[who], `update releases set title = 'changed' where id = $1 returning id`, [id])
      const remove = (who: keyof typeof people): Promise<number> =>
        rows(people[who], 'delete from releases where id = $1 returning id', [id])
      expect([await change('other'), await change('admin'), await change('artist')]).toEqual([0, 0, 1])
      await move(people.artist, id, 'submitted')
      expect([await change('artist'), await remove('artist')]).toEqual([0, 0])
      await move(people.admin, id, 'live')
      expect([await change('artist'), await remove('artist'), await remove('admin')]).toEqual([0, 0, 0])
      await move(people.admin, id, 'draft', 'Rights')
      expect([await remove('other'), await remove('ended'), await remove('artist')]).toEqual([0, 0, 1])
    })

    it('keeps no analysis that comes late: of lyrics that have changed, or after another was asked for', async () => {
      const id = await draft(people.artist, 'la la')
      const read = async (): Promise<AnalysedRelease> => (await releaseForAnalysis(id)) as AnalysedRelease
      const wordsKept = async (): Promise<unknown> => {
        const rows = await asService((tx) =>
          tx.query<{ words: unknown }>(`select analysis -> 'words' as words from releases where id = $1`, [id]),
        )
        return rows[0]?.words
      }
      const first = await read()
      await as(people.artist, `update releases set lyrics = 'la la la' where id = $1`, [id])
      const second = await read()
      expect(await storeAnalysis(second, analyseLyrics(second.lyrics))).toBe(true)
      expect(await storeAnalysis(first, analyseLyrics(first.lyrics))).toBe(false)
      expect(await wordsKept()).toBe(3)
      // Again, as a step is that was killed before it was written down.
      expect(await storeAnalysis(second, analyseLyrics(second.lyrics))).toBe(true)
      // Lyrics that are taken away ask for no other analysis, and keep none.
      await as(people.artist, `update releases set lyrics = '' where id = $1`, [id])
      expect(await storeAnalysis(second, analyseLyrics(second.lyrics))).toBe(false)
      expect(await wordsKept()).toBeNull()
      // The same lyrics, asked for once more.
      await as(people.artist, `update releases set lyrics = 'la' where id = $1`, [id])
      const third = await read()
      expect(await as(people.artist, 'select public.analyse_again($1)', [id])).toBe('ok')
      expect(await storeAnalysis(third, analyseLyrics(third.lyrics))).toBe(false)
      expect(await storeAnalysis(await read(), analyseLyrics('la'))).toBe(true)
    })

    it('is analysed because its lyrics were written, in the same transaction', async () => {
      const entries = async (id: string): Promise<unknown[]> =>
        asService((tx) =>
          tx.query(
            `select payload ->> 'request' as request from msc_outbox.entries
             where kind = 'analysis' and payload ->> 'releaseId' = $1 order by seq`,
            [id],
          ),
        )
      const id = await draft(people.artist, 'la la')
      expect(await entries(id)).toEqual([{ request: '1' }])
      await as(people.artist, `update releases set title = 'other' where id = $1`, [id])
      expect(await entries(id)).toHaveLength(1)
      await as(people.artist, `update releases set lyrics = 'other' where id = $1`, [id])
      expect(await entries(id)).toEqual([{ request: '1' }, { request: '2' }])
      expect(await as(people.other, 'select public.analyse_again($1)', [id])).toBe('P0002')
      expect(await as(people.ended, 'select public.analyse_again($1)', [id])).toBe('42501')
      expect(await as(people.artist, 'select public.analyse_again($1)', [id])).toBe('ok')
      expect(await entries(id)).toHaveLength(3)
      expect(await entries(await draft(people.artist))).toEqual([])
      let undone: string | undefined
      const failing = asUser(people.artist, async (tx: Transaction) => {
        const [row] = await tx.query<{ id: string }>(
          `insert into releases (user_id, title, artist_name, genre, release_date, lyrics)
           values ($1, 't', 'a', 'Pop', '2026-12-01', 'la') returning id`,
          [artist.id],
        )
        undone = row?.id
        throw new Error('undone')
      })
      await expect(failing).rejects.toThrow('undone')
      expect(await entries(undone as string)).toEqual([])
    })
  })

  describe('money', () => {
    it('is charged once for a key, and never as something else under the same key', async () => {
      const charge = (key: string, cents: number): Promise<string> =>
        service(`select * from public.charge($1, $2, 'renewal', $3)`, [key, artist.id, cents])
      expect([await charge('k2', 990), await charge('k2', 990), await charge('k2', 991)]).toEqual(['ok', 'ok', 'MT409'])
      expect(await charge('k3', -5)).toBe('23514')
      const [found] = await asService((tx) =>
        tx.query<{ count: number }>(`select count(*)::int as count from charges where id = md5('k2')::uuid`),
      )
      expect(found?.count).toBe(1)
    })

    it('is given back whole, once, and of a charge that exists', async () => {
      await service(`select * from public.charge('k4', $1, 'renewal', 990)`, [artist.id])
      const refunded = async (): Promise<unknown> =>
        (await asService((tx) => tx.query(`select refunded_at from charges where id = md5('k4')::uuid`)))[0]
      expect(await service(`select public.refund(md5('k4')::uuid)`)).toBe('ok')
      const first = await refunded()
      expect(await service(`select public.refund(md5('k4')::uuid)`)).toBe('ok')
      expect(await refunded()).toEqual(first)
      expect(await service(`select public.refund($1)`, [other])).toBe('P0002')
    })
  })

  describe('a role', () => {
    it('is changed by one admin at a time: two who demote each other leave one', async () => {
      const sessions = sessionsOf()
      const [a, b] = await Promise.all(
        ['a', 'b'].map(async (name): Promise<Claims> => {
          const [made] = await asService((tx) =>
            tx.query<{ id: string }>(`select public.create_account($1, 'x', $2, 'admin') as id`, [
              `${name}@msc.example`,
              name,
            ]),
          )
          const { id } = made as { id: string }
          return { sub: id, role: 'authenticated', session_id: (await sessions.start(id)).sessionId }
        }),
      )
      await sessions.close()
      if (!a || !b) throw new Error('Nobody was made.')
      const both = await Promise.all([
        as(a, 'select public.set_role($1, $2)', [b.sub, 'artist']),
        as(b, 'select public.set_role($1, $2)', [a.sub, 'artist']),
      ])
      expect(both.toSorted()).toEqual(['42501', 'ok'])
    })

    it('is changed by another admin, and ends the sessions that were begun in it', async () => {
      const set = (who: keyof typeof people, id: string, role: string): Promise<string> =>
        as(people[who], 'select public.set_role($1, $2)', [id, role])
      expect(await set('artist', artist.id, 'admin')).toBe('42501')
      expect(await set('admin', admin.id, 'artist')).toBe('42501')
      expect(await set('forged', artist.id, 'admin')).toBe('42501')
      expect(await set('admin', '99999999-9999-4999-8999-999999999999', 'admin')).toBe('P0002')
      expect(await set('admin', other, 'owner')).toBe('23514')
      expect(await rows(people.other, 'select 1 from profiles')).toBe(1)
      expect(await set('admin', other, 'admin')).toBe('ok')
      expect(await rows(people.other, 'select 1 from profiles')).toBe(0)
    })
  })

  describe('feeds', () => {
    it('admit the owner in a live session, to read', async () => {
      const authorize = databasePolicies({ client: (await database.client()) as PolicyClient })
      const can = async (claims: Claims, topic: string, action: TopicAction): Promise<boolean> =>
        authorize({ claims: { ...claims, exp: 4e9 }, topic, action }, AbortSignal.timeout(5000))
      const feed = `feed:releases:${artist.id}`
      expect(await can(people.artist, feed, 'read')).toBe(true)
      expect(await can(people.artist, feed, 'write')).toBe(false)
      expect(await can(people.artist, 'lobby', 'read')).toBe(false)
      expect(await can(people.other, feed, 'read')).toBe(false)
      expect(await can({ ...people.artist, role: 'anon' }, feed, 'read')).toBe(false)
      for (const who of ['ended', 'none', 'forged'] as const) {
        expect(await can(people[who], feed, 'read'), who).toBe(false)
      }
    })

    it('have a change of a row for its owner, and never fail the write because the row is large', async () => {
      await asService((tx) =>
        tx.query(`insert into notifications (user_id, type, title, body) values ($1, 'test', 'big', $2)`, [
          other,
          'x'.repeat(100_000),
        ]),
      )
      const client = await database.client()
      const { rows: found } = await client.query(
        `select topic, event, payload -> 'record' ->> 'title' as title from msc_feed.events order by id desc limit 1`,
      )
      expect(found).toEqual([{ topic: `feed:notifications:${other}`, event: 'INSERT', title: 'big' }])
    })
  })
})
