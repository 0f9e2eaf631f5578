import { EventEmitter } from 'node:events'
import { expect, it } from 'vitest'
import { createRealtimeServer } from '../server/index.ts'
import { signTestToken } from '../testing/tokens.ts'
import { publishing, type BusHandlers, type RealtimeBus } from './index.ts'

const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'

/** As an application may write one. */
class EmitterBus implements RealtimeBus {
  readonly specificationVersion = 1
  readonly name = 'emitter'
  readonly #emitter: EventEmitter
  isClosed = false
  constructor(emitter: EventEmitter) {
    this.#emitter = emitter
  }
  async start({ onMessage }: BusHandlers): Promise<void> {
    this.#emitter.on('text', onMessage)
  }
  async send(text: string): Promise<void> {
    this.#emitter.emit('text', text)
  }
  async health(): Promise<void> {
    if (this.isClosed) throw new Error('closed')
  }
  async close(): Promise<void> {
    this.isClosed = true
    this.#emitter.removeAllListeners()
  }
}

it('adds `publish` to a bus that is an object of a class, which stays what it is', async () => {
  const emitter = new EventEmitter()
  const own = new EmitterBus(emitter)
  const bus = publishing(own, { jwtSecret })
  expect(bus).toBeInstanceOf(EmitterBus)
  expect(['publish' in bus, 'send' in bus, bus.name]).toEqual([true, true, 'emitter'])
  const server = createRealtimeServer({ jwtSecret, authorize: () => true, bus: new EmitterBus(emitter) })
  await server.ready
  const heard: string[] = []
  const { send, close } = await server.connect(
    await signTestToken(jwtSecret, { sub: 'ana' }),
    (text) => heard.push(text),
    () => {},
  )
  send(JSON.stringify(['1', '1', 'realtime:room', 'phx_join', { config: {} }]))
  await expect.poll(() => heard.length).toBeGreaterThan(0)
  await bus.publish([{ topic: 'room', event: 'note', payload: { n: 1 }, private: false }], new AbortController().signal)
  await expect.poll(() => heard.some((text) => text.includes('"note"'))).toBe(true)
  close()
  await server.close()
  await bus.health()
  await bus.close()
  expect(own.isClosed).toBe(true)
  await expect(bus.health()).rejects.toThrow('closed')
})
