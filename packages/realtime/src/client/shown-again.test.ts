import { DriverError } from '@msc/core'
import { createManualClock, type ManualClock } from '@msc/core/testing'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createRealtime, type Channel, type Realtime } from '../create-realtime.ts'
import { createFakeBrowser } from '../tabs/fake-browser.ts'
import { shareTabs } from '../tabs/index.ts'
import { createFakeRealtime, type FakeRealtime } from '../testing/fake-driver.ts'
import { signTestToken } from '../testing/tokens.ts'

const busy = new DriverError('fake', 'Too many are present.', {
  retryable: true,
  retryAfterMs: 1000,
  code: 'REALTIME_RATE_LIMITED',
})

let fake: FakeRealtime
let clock: ManualClock
let client: Realtime
let room: Channel
let isBusy: boolean
let token: string | undefined
const said = (): unknown[] =>
  fake.received
    .filter(({ what }) => what === 'track' || what === 'untrack')
    .map(({ what, detail }) => (what === 'track' ? detail : what))

// What is loaded late is there, or the clock of a test would run ahead of it.
beforeAll(() => Promise.all([import('./user.ts'), import('./sending.ts')]))
beforeEach(async () => {
  fake = createFakeRealtime()
  clock = createManualClock(Date.now())
  isBusy = false
  token = await signTestToken('a-secret-for-tests-that-is-long-enough-0123', { sub: 'ana' })
  fake.override.track = () => {
    if (isBusy) throw busy
  }
  client = createRealtime({ driver: fake.driver, clock, random: () => 0.5, getToken: () => token })
  room = client.channel('room', { presenceKey: 'ana' })
  room.onError((error) => errors.push(error))
  errors.length = 0
})
const errors: Error[] = []
afterEach(() => client.close())

/** Shown, interrupted, and refused for now when it is back. */
async function comeBackToFullRoom(state: object = { n: 1 }): Promise<void> {
  await room.track(state)
  isBusy = true
  fake.drop('room')
  await clock.advance(1000)
  expect(client.status).toBe('connected')
}

describe('a state that is refused for now after an interruption', () => {
  it('is told again, not before the server wants it and more and more rarely, until it is taken', async () => {
    await comeBackToFullRoom()
    expect(said()).toEqual([{ n: 1 }, { n: 1 }])
    const times: number[] = []
    const startedAt = clock.monotonic()
    fake.override.track = () => {
      times.push(clock.monotonic() - startedAt)
      if (isBusy) throw busy
    }
    await clock.advance(30_000)
    const waits = times.slice(1).map((at, index) => at - (times[index] as number))
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(1200)
    expect(waits).toEqual(waits.toSorted((one, other) => one - other))
    expect(times.length).toBeGreaterThan(3)
    expect(errors).toHaveLength(times.length + 1)
    isBusy = false
    await clock.advance(20_000)
    const { length } = times
    await clock.advance(60_000)
    expect(times).toHaveLength(length)
    expect(said().at(-1)).toEqual({ n: 1 })
  })

  it('is told no more once it is taken back', async () => {
    await comeBackToFullRoom()
    await room.untrack()
    await clock.advance(60_000)
    expect(said()).toEqual([{ n: 1 }, { n: 1 }])
  })

  it.each(['the channel is left', 'the client is closed', 'another user comes'])(
    'is told no more once %s',
    async (how) => {
      const other = client.channel('room')
      await comeBackToFullRoom()
      const { length } = said()
      if (how === 'the channel is left') room.leave()
      else if (how === 'the client is closed') await client.close()
      else {
        token = undefined
        await client.refreshToken()
      }
      isBusy = false
      await clock.advance(60_000)
      expect(said()).toHaveLength(length)
      other.leave()
    },
  )

  it('gives way to what is said since', async () => {
    await comeBackToFullRoom()
    isBusy = false
    await room.track({ n: 2 })
    await clock.advance(60_000)
    expect(said()).toEqual([{ n: 1 }, { n: 1 }, { n: 2 }])
  })

  it('is not told before the server wants it by who says the same once more', async () => {
    room.onReady((isReady) => isReady && void room.track({ n: 1 }).catch(() => undefined))
    await comeBackToFullRoom()
    expect(said()).toEqual([{ n: 1 }, { n: 1 }])
    await expect(room.track({ n: 1 })).rejects.toBe(busy)
    isBusy = false
    await clock.advance(2000)
    expect(said()).toEqual([{ n: 1 }, { n: 1 }, { n: 1 }])
    await room.track({ n: 1 })
    expect(said()).toHaveLength(3)
  })

  it('is told by the next join, and once, where the connection is lost again meanwhile', async () => {
    await comeBackToFullRoom()
    isBusy = false
    fake.drop('room')
    await clock.advance(60_000)
    expect(said()).toEqual([{ n: 1 }, { n: 1 }, { n: 1 }])
  })
})

it('a state that is refused for now when it is said, or a change of one, is told again as well', async () => {
  await room.track({ n: 1 })
  isBusy = true
  await expect(room.track({ n: 2 })).rejects.toBe(busy)
  isBusy = false
  await clock.advance(2000)
  expect(said()).toEqual([{ n: 1 }, { n: 2 }, { n: 2 }])
})

it('what was shown before one that is refused for good is shown after an interruption', async () => {
  const other = client.channel('room')
  await room.track({ n: 1 })
  await other.track({ n: 2 })
  fake.override.track = (_topic, state) => {
    if ((state as { n: number }).n === 2) throw new DriverError('fake', 'You may not.', { code: 'REALTIME_REFUSED' })
  }
  fake.drop('room')
  await clock.advance(1000)
  expect(said().slice(-2)).toEqual([{ n: 2 }, { n: 1 }])
})

it('a tab without the connection has its state told again', async () => {
  const browser = createFakeBrowser()
  const open = (tab: string): Realtime =>
    createRealtime({
      driver: shareTabs(fake.driver, { ...browser.tab(tab), page: new EventTarget(), patienceMs: 1000 }),
      random: () => 0,
      onError: () => {},
    })
  const [one, two] = [open('one'), open('two')]
  await one.channel('lobby', { presenceKey: 'ana' }).ready
  const lobby = two.channel('lobby')
  await lobby.ready
  isBusy = true
  const taken = new Promise<void>((resolve) => {
    fake.override.track = () => {
      if (!isBusy) return resolve()
      isBusy = false
      throw busy
    }
  })
  await expect(lobby.track({ tab: 2 })).rejects.toMatchObject({ retryable: true, retryAfterMs: 1000 })
  await taken
  expect(said()).toEqual([{ tab: 2 }, { tab: 2 }])
  await two.close()
  await one.close()
})
