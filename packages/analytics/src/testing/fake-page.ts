import { slotKey } from '@msc/core'

/** The parts of a page that this package uses, as globals: for tests of browser code. */
export interface FakePage {
  hide(): void
  show(): void
  /** Plays another tab that has stored something under `key`, or cleared everything (`null`). */
  stored(key: string | null): void
  /** Restores the globals, so that the next page starts fresh. */
  close(): void
}

const SLOTS = ['core/page', 'analytics/browser', 'analytics/browser-state']

export function openFakePage(url = 'https://app.example/releases?token=s3cr3t#top'): FakePage {
  const window = new EventTarget()
  const document = Object.assign(new EventTarget(), {
    visibilityState: 'visible',
    referrer: 'https://mail.example/read?email=ana@msc.example',
    title: 'Releases',
  })
  const globals: Record<string, unknown> = {
    document,
    location: new URL(url),
    addEventListener: window.addEventListener.bind(window),
    requestIdleCallback: (callback: () => void) => setTimeout(callback, 0),
  }
  const before = Object.keys(globals).map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)] as const)
  for (const [name, value] of Object.entries(globals)) {
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true })
  }
  const see = (visibilityState: string): void => {
    document.visibilityState = visibilityState
    document.dispatchEvent(new Event('visibilitychange'))
  }
  return {
    hide: () => see('hidden'),
    show: () => see('visible'),
    stored: (key) => void window.dispatchEvent(Object.assign(new Event('storage'), { key })),
    close() {
      for (const [name, descriptor] of before) {
        if (descriptor) Object.defineProperty(globalThis, name, descriptor)
        else Reflect.deleteProperty(globalThis, name)
      }
      for (const slot of SLOTS) Reflect.deleteProperty(globalThis, slotKey(slot))
    },
  }
}

/** A `localStorage` of its own. */
export function fakeStorage(): Storage {
  const kept = new Map<string, string>()
  return {
    get length() {
      return kept.size
    },
    clear: () => kept.clear(),
    getItem: (key) => kept.get(key) ?? null,
    key: (index) => [...kept.keys()][index] ?? null,
    removeItem: (key) => void kept.delete(key),
    setItem: (key, value) => void kept.set(key, value),
  }
}
