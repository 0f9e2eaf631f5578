import { createManualClock } from '@msc/core/testing'
import { setErrorReporter } from '@msc/core'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { createRealtime } from '../create-realtime.ts'
import type { RealtimeDriver } from '../driver.ts'
import { createFakeRealtime } from '../testing/fake-driver.ts'

/** An engine over a driver that publishes as `publish` says. */
function start(publish: NonNullable<RealtimeDriver['publish']>) {
  const clock = createManualClock()
  let calls = 0
  const driver: RealtimeDriver = {
    specificationVersion: 1,
    name: 'fake',
    subscribe: () => new Promise(() => {}),
    publish(messages, signal) {
      calls += 1
      return publish(messages, signal)
    },
    async health() {},
    async close() {},
  }
  const realtime = createRealtime({ driver, clock })
  return { clock, realtime, calls: () => calls }
}

describe('publish while the backend is away', () => {
  it('fails at once after five failures, says so in its health, and goes on after one probe', async () => {
    let away = true
    const { clock, realtime, calls } = start(() => (away ? new Promise(() => {}) : Promise.resolve()))
    const publish = () => realtime.publish('room', 'said', { n: 1 })
    // Its code is loaded by the first one, which takes no time on this clock.
    await import('./publish.ts')
    for (let n = 0; n < 5; n++) {
      const late = expect(publish()).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
      await clock.advance(0)
      await clock.advance(10_000)
      await late
    }
    await expect(publish()).rejects.toMatchObject({ code: 'BREAKER_OPEN', retryable: true })
    expect(calls()).toBe(5)
    expect((await realtime.health()).status).toBe('degraded')

    await clock.advance(5000)
    const probe = expect(publish()).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
    await clock.advance(0)
    // One probe at a time, and a failed one closes the way again.
    await expect(publish()).rejects.toMatchObject({ code: 'BREAKER_OPEN' })
    await clock.advance(10_000)
    await probe
    await expect(publish()).rejects.toMatchObject({ code: 'BREAKER_OPEN' })
    expect(calls()).toBe(6)

    away = false
    await clock.advance(5000)
    await publish()
    await publish()
    expect(calls()).toBe(8)
    expect((await realtime.health()).status).toBe('ready')
    await realtime.close()
  })

  it('takes a refusal for an answer', async () => {
    const refusal = Object.assign(new Error('forbidden'), { retryable: false })
    const { realtime, calls } = start(() => Promise.reject(refusal))
    for (let n = 0; n < 8; n++) await expect(realtime.publish('room', 'said', {})).rejects.toThrow('forbidden')
    expect(calls()).toBe(8)
    await realtime.close()
  })

  it('takes a room that is busy for an answer: the others are not', async () => {
    const busy = Object.assign(new Error('busy'), { retryable: true, code: 'REALTIME_ROOM_BUSY' })
    const { realtime } = start(([message]) => (message?.topic === 'room' ? Promise.reject(busy) : Promise.resolve()))
    for (let n = 0; n < 8; n++) await expect(realtime.publish('room', 'said', {})).rejects.toBe(busy)
    await realtime.publish('other', 'said', {})
    await realtime.close()
  })

  it('refuses a payload that is no JSON before it is sent, and does not take it for an outage', async () => {
    const { realtime, calls } = start(() => Promise.resolve())
    const loop: Record<string, unknown> = {}
    loop['self'] = loop
    const hostile = {
      toJSON() {
        throw { code: 7 }
      },
    }
    for (const payload of [{ n: 1n }, loop, { hostile }, { n: 1n }, 5n as never]) {
      await expect(realtime.publish('room', 'said', payload)).rejects.toMatchObject({
        code: 'REALTIME_PAYLOAD_INVALID',
        retryable: false,
      })
    }
    for (const topic of ['', undefined, null] as never[]) {
      await expect(realtime.publish(topic, 'said', {})).rejects.toMatchObject({ code: 'REALTIME_TOPIC_INVALID' })
    }
    await realtime.publish('room', 'said', { n: 1 })
    expect(calls()).toBe(1)
    await realtime.close()
  })

  it('sends what a `toJSON` makes of the payload, with the stamp, and nothing that it leaves out', async () => {
    class Money {
      readonly amount = 5n
      readonly note = 'not for the wire'
      toJSON(): object {
        return { amount: String(this.amount) }
      }
    }
    const own = { hidden: true, toJSON: () => ({ amount: '5' }) }
    const fake = createFakeRealtime()
    const realtime = createRealtime({ driver: fake.driver })
    const channel = realtime.channel('room')
    for (const payload of [new Money(), own] as never[]) {
      await realtime.publish('room', 'paid', payload)
      await channel.broadcast('paid', payload)
    }
    const sent = fake.received.filter(({ what }) => what === 'send').map(({ detail }) => detail)
    const stamped = {
      event: 'paid',
      payload: { amount: '5', _msc: expect.objectContaining({ id: expect.any(String) }) },
    }
    expect(JSON.parse(JSON.stringify(sent))).toEqual(Array.from({ length: 4 }, () => stamped))
    await realtime.close()
  })

  it('reports a feed that was opened without a callback, and goes on', async () => {
    const reported: string[] = []
    onTestFinished(setErrorReporter(({ message }) => reported.push(message)))
    const realtime = createRealtime({ driver: createFakeRealtime().driver })
    for (const nothing of [undefined, null, {}] as never[]) realtime.feed('releases', 'ana', nothing)
    await vi.waitFor(() => expect(reported).toHaveLength(3), { timeout: 10_000 })
    expect(reported[0]).toContain('without `onChange`')
    await realtime.close()
  })

  it('refuses to broadcast or track what is no JSON, and shows what is tracked afterwards', async () => {
    const fake = createFakeRealtime()
    fake.override.send = (_topic, event) => {
      if (event === 'written') throw new TypeError('Do not know how to serialize a BigInt')
    }
    const realtime = createRealtime({ driver: fake.driver })
    const channel = realtime.channel('room', { presenceKey: 'a' })
    await channel.ready
    const loop: Record<string, unknown> = {}
    loop['self'] = loop
    const refusal = { code: 'REALTIME_PAYLOAD_INVALID', retryable: false, message: expect.stringContaining('to room ') }
    for (const payload of [{ n: 1n }, loop]) {
      await expect(channel.broadcast('written', payload)).rejects.toMatchObject(refusal)
      await expect(channel.track(payload)).rejects.toMatchObject(refusal)
    }
    await expect(channel.broadcast('written', { n: 1 })).rejects.toThrow('serialize a BigInt')
    await channel.track({ name: 'A' })
    expect(fake.received.filter(({ what }) => what === 'track')).toHaveLength(1)
    await realtime.close()
  })

  it('goes on probing after an error that can not be read', async () => {
    const unreadable = Object.defineProperty(new Error('unreadable'), 'retryable', {
      get() {
        throw new Error('no')
      },
    })
    let away = true
    const { clock, realtime } = start(() => (away ? Promise.reject(unreadable) : Promise.resolve()))
    for (let n = 0; n < 5; n++) await expect(realtime.publish('room', 'said', {})).rejects.toBe(unreadable)
    await clock.advance(5000)
    await expect(realtime.publish('room', 'said', {})).rejects.toBe(unreadable)
    away = false
    await clock.advance(5000)
    await realtime.publish('room', 'said', {})
    await realtime.close()
  })
})
