import { describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { createRealtime, type Realtime } from '../create-realtime.ts'
import { embedded } from '../drivers/embedded.ts'
import { startRealtimeServer, type StandaloneServer } from '../server/index.ts'
import { freePort, startChaosProxy } from '@msc/core/testing'
import { signTestToken } from '../testing/tokens.ts'
import { feedSource } from './source.ts'
import { databases } from '../testing/test-database.ts'

const secret = 'a-secret-for-tests-that-is-long-enough-0123'
const CLIENTS = 100
/** MSC_ROWS_EACH=1000 makes a longer proof of it. */
const ROWS_EACH = Number(process.env['MSC_ROWS_EACH'] ?? 100)
const AT_ONCE = 20
const seed = Number(process.env['MSC_SEED'] ?? Math.floor(Math.random() * 2 ** 31))

/** Mulberry32. */
function randomFrom(start: number): () => number {
  let state = start
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

describe.each(databases.map((open) => [open.name.replace('open', '').toLowerCase(), open] as const))(
  'a network that fails all the time, over %s',
  (_name, open) => {
    it(
      `loses none of ${CLIENTS * ROWS_EACH} rows, brings none twice, and none out of order`,
      { timeout: 180_000 },
      async () => {
        console.log(`MSC_SEED=${seed}`)
        const random = randomFrom(seed)
        const db = await open()
        const start = async (port?: number): Promise<StandaloneServer> => {
          const started = await startRealtimeServer({
            port: port ?? (await freePort()),
            jwtSecret: secret,
            authorize: ({ claims, topic, action }) => action === 'read' && topic === `feed:items:${claims.sub}`,
            feeds: feedSource({ client: db.client }),
            // All of them come from one machine.
            limits: { perAddress: false },
          })
          await started.ready
          return started
        }
        let server = await start()
        const { port } = server
        const proxy = await startChaosProxy(port, { random })
        const apiKey = await signTestToken(secret, { role: 'anon' })
        const heard = new Map<string, number[]>()
        const gaps: string[] = []
        const clients: Realtime[] = []
        for (let index = 0; index < CLIENTS; index++) {
          const user = `u${index}`
          heard.set(user, [])
          const client = createRealtime({
            driver: embedded({
              url: `http://127.0.0.1:${proxy.port}/realtime/v1`,
              apiKey,
              WebSocket: WebSocket as never,
              heartbeatMs: 500,
            }),
            getToken: () => signTestToken(secret, { sub: user }),
            random,
            timeoutMs: 5000,
          })
          clients.push(client)
          client.feed<{ n: number }>(
            'items',
            user,
            ({ data }) => heard.get(user)?.push(data.n),
            () => gaps.push(user),
          )
        }
        await expect.poll(() => clients.every(({ status }) => status === 'connected'), { timeout: 30_000 }).toBe(true)

        let [kills, freezes, restarts] = [0, 0, 0]
        for (let from = 1; from <= ROWS_EACH; from += AT_ONCE) {
          for (let index = 0; index < CLIENTS; index++) {
            await db.query(`insert into items (owner, n) select $1, i from generate_series($2::int, $3::int) as i`, [
              `u${index}`,
              from,
              from + AT_ONCE - 1,
            ])
            const dice = random()
            if (dice < 0.02) {
              proxy.kill(random())
              kills += 1
            } else if (dice < 0.04) {
              proxy.freeze(random() * 0.5)
              freezes += 1
            } else if (dice < 0.044) {
              await server.close()
              server = await start(port)
              restarts += 1
            }
          }
        }
        const total = (): number => [...heard.values()].reduce((sum, { length }) => sum + length, 0)
        await expect.poll(total, { timeout: 60_000 }).toBeGreaterThanOrEqual(CLIENTS * ROWS_EACH)
        console.log(`${kills} kills, ${freezes} half-open, ${restarts} restarts; ${total()} rows heard of`)
        const expected = Array.from({ length: ROWS_EACH }, (_, index) => index + 1)
        for (const [user, numbers] of heard) expect([user, numbers]).toEqual([user, expected])
        expect(gaps).toEqual([])
        // The dice are fair and few: 18 on average.
        expect(kills + freezes + restarts).toBeGreaterThan(4)

        await Promise.all(clients.map((client) => client.close()))
        await proxy.close()
        await server.close()
        await db.close()
      },
    )
  },
)
