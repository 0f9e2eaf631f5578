import { setErrorReporter, slotKey } from '@msc/core'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { captureException, captureMessage, initMonitoring } from './browser.ts'
import type { Monitoring } from './create-monitoring.ts'
import type { ErrorSignal, Signal } from './signals.ts'

const GLOBALS = ['document', 'addEventListener', 'requestIdleCallback']
const SLOTS = ['core/page', 'core/scope', 'monitoring/browser', 'monitoring/browser-state']
const reported: string[] = []
let restore = (): void => {}
let clicked: ((event: unknown) => void) | undefined

beforeEach(() => {
  reported.length = 0
  const document = Object.assign(new EventTarget(), { visibilityState: 'visible' })
  const listen = document.addEventListener.bind(document)
  document.addEventListener = (type: string, listener: never, options: never) => {
    if (type === 'click') clicked = listener
    listen(type, listener, options)
  }
  Object.assign(globalThis, {
    document,
    addEventListener: () => undefined,
    requestIdleCallback: (callback: () => void) => setTimeout(callback, 0),
  })
  restore = setErrorReporter((error, { operation }) => reported.push(`${operation}: ${error.message}`))
})
afterEach(() => {
  restore()
  for (const name of GLOBALS) Reflect.deleteProperty(globalThis, name)
  for (const slot of SLOTS) Reflect.deleteProperty(globalThis, slotKey(slot))
})

const engine = (): Monitoring | undefined =>
  ((globalThis as Record<symbol, unknown>)[slotKey('monitoring/browser')] as { engine?: Monitoring }).engine

function keeping() {
  const sent: Signal[] = []
  const limits = { maxItems: 500, maxBytes: 1e7, maxItemBytes: 1e6 }
  const load = async () =>
    ({
      specificationVersion: 1,
      name: 'kept',
      capabilities: { kinds: ['error', 'message'], limits },
      async send(signals: readonly Signal[]) {
        sent.push(...signals)
        return {}
      },
      health: async () => undefined,
      close: async () => undefined,
    }) as const
  return { sent, load }
}

it('reports an invalid DSN once, however many errors try it', async () => {
  initMonitoring({ dsn: 'not-a-dsn' })
  captureException(new Error('first'))
  await expect.poll(() => reported.length).toBe(1)
  expect(reported[0]).toMatch(/^load: .*DSN is not valid/)
  for (let i = 0; i < 3; i++) captureException(new Error(`e${i}`))
  await new Promise((resolve) => setImmediate(resolve))
  expect(reported).toHaveLength(1)
})

it('keeps an error whose context cannot be read, before the engine has loaded and after', async () => {
  const { sent, load } = keeping()
  const unreadable = {
    get user(): never {
      throw new Error('no')
    },
    tags: { a: '1' },
  }
  initMonitoring({ load })
  captureException(new Error('early'), unreadable)
  await expect.poll(engine).toBeDefined()
  captureException(new Error('late'), unreadable)
  captureMessage('said', 'info', null as never)
  await engine()?.flush()
  expect(sent).toMatchObject([
    { message: 'early', tags: { a: '1' } },
    { message: 'late', tags: { a: '1' } },
    { message: 'said' },
  ])
})

it('counts the calls that it had no room for before the engine loaded', async () => {
  const { sent, load } = keeping()
  for (let i = 0; i < 150; i++) captureException(new Error(`e${i}`))
  initMonitoring({ load })
  await expect.poll(engine).toBeDefined()
  await engine()?.flush()
  expect(sent).toHaveLength(100)
  expect(engine()?.stats()).toMatchObject({ accepted: 150, delivered: 100, dropped: 50 })
})

it('records the label of a clicked control, redacted before it is cut', async () => {
  const { sent, load } = keeping()
  class Element {
    readonly tagName = 'BUTTON'
    readonly textContent = `${'Copy '.repeat(7)}postgres://user:S3cretPassw0rd@db.msc.example/app`
    closest = (): this => this
    getAttribute = (): null => null
  }
  Object.assign(globalThis, { Element })
  initMonitoring({ load })
  clicked?.({ target: new Element() })
  captureException(new Error('x'))
  await expect.poll(engine).toBeDefined()
  await engine()?.flush()
  const [{ breadcrumbs }] = sent as [ErrorSignal]
  expect(breadcrumbs[0]?.message).toMatch(/^button Copy Copy /)
  expect(breadcrumbs[0]?.message).not.toContain('S3c')
  Reflect.deleteProperty(globalThis, 'Element')
})
