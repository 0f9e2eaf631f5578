import { systemClock, type Clock } from '@msc/core'
import { afterEach, expect, it } from 'vitest'
import { createMemoryBusHub, memoryBus } from '../../bus/index.ts'
import { openRaw, type RawSocket } from '../../testing/raw-socket.ts'
import { signTestToken } from '../../testing/tokens.ts'
import { startRealtimeServer, type RealtimeServerOptions, type StandaloneServer } from '../index.ts'

const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'
const ROOM = 'realtime:room:1'
const servers: StandaloneServer[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
})

async function serve(options: Partial<RealtimeServerOptions>): Promise<StandaloneServer> {
  const server = await startRealtimeServer({
    jwtSecret,
    authorize: () => true,
    history: [{ topics: 'room:*', messages: 5000 }],
    limits: { perAddress: false, perAccount: false },
    ...options,
  })
  servers.push(server)
  await server.ready
  return server
}

interface Said {
  readonly payload?: { readonly n: number }
  readonly meta?: { readonly cursor: string }
}
const said = ({ heard }: RawSocket): readonly Said[] => heard.map(([, , payload]) => payload as Said)
const numbers = (raw: RawSocket): readonly (number | undefined)[] => said(raw).map(({ payload }) => payload?.n)

it('loses nothing for those who follow the history of a room that could not take all of another server', async () => {
  const hub = createMemoryBusHub()
  const near = await serve({ bus: memoryBus(hub) })
  // Time passes with each look at it, so that each message takes more than one turn, and a second is over when the test says so.
  let looks = 0
  const seconds: (() => void)[] = []
  const clock: Clock = {
    ...systemClock,
    monotonic: () => (looks += 3),
    setTimeout(run, ms) {
      if (ms !== 1000) return systemClock.setTimeout(run, ms)
      seconds.push(run)
      return () => undefined
    },
  }
  const far = await serve({ bus: memoryBus(hub), clock })
  const open = async (n: number): Promise<RawSocket> => {
    const raw = await openRaw(far.url, await signTestToken(jwtSecret, { sub: `m${n}` }))
    await raw.ask(ROOM, 'phx_join', { config: {} })
    return raw
  }
  const members = await Promise.all(Array.from({ length: 40 }, (_, n) => open(n)))
  const [follower, other] = members as [RawSocket, RawSocket]
  const { cursor: first } = (await follower.ask(ROOM, 'msc_since', {})).response as unknown as { cursor: string }
  const publish = async (n: number): Promise<void> =>
    near.publish({ topic: 'room:1', event: 'note', payload: { n }, private: false })
  for (let n = 1; n <= 2000; n += 500) await Promise.all(Array.from({ length: 500 }, (_, more) => publish(n + more)))
  await expect.poll(() => far.stats().refused['ROOM_BUSY'] ?? 0, { interval: 1 }).toBeGreaterThan(0)
  const told = (): boolean => follower.heard.some(([, event]) => event === 'phx_error')
  // The room follows again, but its members do not know yet what they have missed.
  await expect.poll(() => far.stats().waitingBytes, { interval: 1 }).toBe(0)
  await publish(2001)
  await expect.poll(() => numbers(other).includes(2001), { interval: 1 }).toBe(true)
  expect(told()).toBe(false)
  for (const end of seconds.splice(0)) end()
  await expect.poll(told).toBe(true)
  const live = numbers(follower).filter((n) => n !== undefined)
  let after = said(follower).findLast(({ meta }) => meta)?.meta?.cursor ?? first
  const read: (number | undefined)[] = []
  for (let more = true; more;) {
    const page = (await follower.ask(ROOM, 'msc_since', { after })).response as unknown as {
      readonly cursor: string
      readonly more: boolean
      readonly events: readonly Said[]
    }
    read.push(...page.events.map(({ payload }) => payload?.n))
    ;({ cursor: after, more } = page)
  }
  expect([...live, ...read]).toEqual(Array.from({ length: 2001 }, (_, n) => n + 1))
})
