import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { announce } from './announce.ts'

let played: string[]
let shown: unknown[]
beforeEach(() => {
  played = []
  shown = []
  vi.stubGlobal('document', { visibilityState: 'hidden' })
})
afterEach(() => vi.unstubAllGlobals())

/** The part of Web Locks that is used: each lock for one at a time, in order. */
function createLocks(): unknown {
  const queues = new Map<string, Promise<unknown>>()
  const held = new Set<string>()
  return {
    async request(name: string, ...[first, second]: readonly unknown[]) {
      const run = (second ?? first) as (lock: object | null) => Promise<unknown>
      const { ifAvailable = false } = (second ? first : {}) as { readonly ifAvailable?: boolean }
      if (ifAvailable && held.has(name)) return run(null)
      const own = (queues.get(name) ?? Promise.resolve()).then(async () => {
        held.add(name)
        return Promise.resolve(run({ name })).finally(() => held.delete(name))
      })
      queues.set(
        name,
        own.catch(() => undefined),
      )
      return own
    },
  }
}
/** A browser on which pages may show nothing by themselves. */
const stubAndroid = (registration?: object): void => {
  class Illegal {
    static readonly permission = 'granted'
    constructor() {
      throw new TypeError('Illegal constructor. Use ServiceWorkerRegistration.showNotification() instead.')
    }
  }
  vi.stubGlobal('Notification', Illegal)
  vi.stubGlobal('navigator', {
    locks: createLocks(),
    ...(registration && { serviceWorker: { getRegistration: async () => registration } }),
  })
}
const now = async (): Promise<void> => undefined

it('is shown by the service worker where pages may show none, and the sound is played all the same', async () => {
  stubAndroid({ showNotification: async (...given: unknown[]) => void shown.push(given) })
  const sound = (): void => void played.push('sound')
  expect(await announce('1', { title: 'New', body: 'b', url: '/new' }, sound, now)).toBe(true)
  expect(shown).toEqual([['New', { body: 'b', tag: '1', data: { url: '/new' } }]])
  expect(played).toEqual(['sound'])
})

it('says that the browser shows none where there is no service worker either', async () => {
  stubAndroid()
  const sound = (): void => void played.push('sound')
  expect(await announce('1', { title: 'New' }, sound, now)).toBe(false)
  expect(played).toEqual(['sound'])
})

it('is played once, by the first tab that may', async () => {
  vi.stubGlobal('navigator', { locks: createLocks() })
  let tabs = 0
  class Player {
    readonly tab = ++tabs
    async play(): Promise<void> {
      if (this.tab === 1) throw new DOMException('Nobody has clicked yet.', 'NotAllowedError')
      played.push(`tab ${this.tab}`)
    }
  }
  vi.stubGlobal('Audio', Player)
  let end = (): void => {}
  const held = new Promise<void>((resolve) => (end = resolve))
  await Promise.all(['1', '1', '1', '1'].map((id) => announce(id, undefined, '/ping.mp3', () => held)))
  expect([played, tabs]).toEqual([['tab 2'], 2])
  end()
})
