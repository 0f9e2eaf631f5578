// A project's own migration, written for Supabase, and its SDK: both as they are there.
import { createClient, type RealtimeChannel, type SupabaseClient } from '@supabase/supabase-js'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { feedSource } from '../feed/source.ts'
import { databases, type TestDatabase } from '../testing/test-database.ts'
import { signTestToken } from '../testing/tokens.ts'
import { databasePolicies, startRealtimeServer, type StandaloneServer } from './index.ts'

const secret = 'a-secret-for-tests-that-is-long-enough-0123'
const MIGRATION = `
  create table public.tracks (id int primary key, release text not null, title text);
  create or replace function public.tracks_changes() returns trigger security definer language plpgsql as $$
  begin
    perform realtime.broadcast_changes('release:' || coalesce(new.release, old.release)::text, tg_op, tg_op,
      tg_table_name, tg_table_schema, new, old);
    return null;
  end; $$;
  create trigger tracks_changes after insert or update or delete on public.tracks
    for each row execute function public.tracks_changes();
  create policy "members hear of their releases" on realtime.messages for select to authenticated
    using (realtime.messages.extension = 'broadcast' and realtime.topic() = 'release:' || (select auth.jwt() ->> 'sub'));
  create policy "members write to their releases" on realtime.messages for insert to authenticated
    with check (realtime.messages.extension = 'broadcast' and realtime.topic() = 'release:' || (select auth.jwt() ->> 'sub'));`

describe.each(databases.map((open) => [open.name.replace('open', '').toLowerCase(), open] as const))(
  'SQL that was written for Supabase, on %s',
  (_name, open) => {
    let db: TestDatabase
    let server: StandaloneServer
    const clients: SupabaseClient[] = []
    beforeAll(async () => {
      db = await open()
      await db.exec(MIGRATION)
      server = await startRealtimeServer({
        jwtSecret: secret,
        authorize: databasePolicies({ client: db.client }),
        feeds: feedSource({ client: db.client }),
      })
      await server.ready
    })
    afterEach(async () => {
      for (const client of clients.splice(0)) {
        await client.removeAllChannels()
        await client.realtime.disconnect()
      }
    })
    afterAll(async () => {
      await server.close()
      await db.close()
    })

    interface Joined {
      readonly channel: RealtimeChannel
      readonly heard: { readonly event: string; readonly payload: unknown }[]
      readonly system: unknown[]
      readonly status: string
    }
    const join = async (sub: string, topic: string, vsn: string, isPrivate = true): Promise<Joined> => {
      const token = await signTestToken(secret, { sub })
      const client = createClient(server.url, await signTestToken(secret, { role: 'anon' }), {
        accessToken: async () => token,
        realtime: { vsn } as never,
      })
      clients.push(client)
      await client.realtime.setAuth()
      const channel = client.channel(topic, {
        config: { private: isPrivate, broadcast: { replication_ready: true } as never },
      })
      const heard: Joined['heard'] = []
      const system: unknown[] = []
      channel.on('broadcast', { event: '*' }, ({ event, payload }) => heard.push({ event, payload }))
      channel.on('system', {}, (payload) => system.push(payload))
      const status = await new Promise<string>((resolve) => channel.subscribe((each) => resolve(each)))
      return { channel, heard, system, status }
    }

    it.each(['1.0.0', '2.0.0'])('is heard by those whom the policies let in, by protocol %s', async (vsn) => {
      const [ana, ben] = [await join('r1', 'release:r1', vsn), await join('r2', 'release:r1', vsn)]
      expect([ana.status, ben.status]).toEqual(['SUBSCRIBED', 'CHANNEL_ERROR'])
      await expect
        .poll(() => ana.system)
        .toContainEqual(
          expect.objectContaining({ extension: 'system', status: 'ok', message: 'Replication connection established' }),
        )
      await db.exec(`insert into tracks values (1, 'r1', 'Harbour'); insert into tracks values (2, 'r2', 'Other');
        update tracks set title = 'Harbour Lights' where id = 1; delete from tracks`)
      const change = (operation: string, record: unknown, old: unknown) => ({
        event: operation,
        payload: expect.objectContaining({ operation, schema: 'public', table: 'tracks', record, old_record: old }),
      })
      const [first, last] = [
        { id: 1, release: 'r1', title: 'Harbour' },
        { id: 1, release: 'r1', title: 'Harbour Lights' },
      ]
      await expect
        .poll(() => ana.heard)
        .toEqual([change('INSERT', first, null), change('UPDATE', last, first), change('DELETE', null, last)])
      // As there, each has an id of its own, and nothing of ours.
      expect(Object.keys(ana.heard[0]?.payload as object).toSorted()).toEqual([
        'id',
        'old_record',
        'operation',
        'record',
        'schema',
        'table',
      ])
      expect(ben.heard).toEqual([])
    })

    it('sends text and bytes, in public and in private, and never fails the write that calls it', async () => {
      const [inPrivate, inPublic] = [await join('r1', 'release:r1', '2.0.0'), await join('r1', 'news', '2.0.0', false)]
      await db.exec(`
        select realtime.send('{"n": 1}', 'note', 'release:r1');
        select realtime.send('{"n": 2, "id": "own"}', 'note', 'news', false);
        select realtime.send('[3]', 'note', 'news', false);
        select realtime.send_binary('\\x00ff10', 'wave', 'release:r1');`)
      await expect.poll(() => inPublic.heard).toEqual([{ event: 'note', payload: { n: 2, id: 'own' } }])
      await expect.poll(() => inPrivate.heard.length).toBe(2)
      expect(inPrivate.heard[0]).toEqual({ event: 'note', payload: { n: 1, id: expect.any(String) } })
      expect([...new Uint8Array(inPrivate.heard[1]?.payload as ArrayBuffer)]).toEqual([0, 255, 16])
    })

    it('writes as its caller, whom the policies may refuse', async () => {
      const ana = await join('r1', 'release:r1', '2.0.0')
      const sendAs = async (sub: string, n: number): Promise<void> => {
        const text = `begin; set local role authenticated; set local request.jwt.claims = '{"sub":"${sub}"}';
          select realtime.send('{"n": ${n}}', 'note', 'release:r1'); commit`
        await db.exec(text)
      }
      await sendAs('r2', 1)
      await sendAs('r1', 2)
      await expect.poll(() => ana.heard).toEqual([{ event: 'note', payload: { n: 2, id: expect.any(String) } }])
    })
  },
)
