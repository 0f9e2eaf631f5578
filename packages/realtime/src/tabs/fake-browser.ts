import type { Channel, Locks } from './group.ts'

interface Waiting {
  readonly tab: string
  readonly run: () => void
  readonly fail: (reason: Error) => void
}

/** Locks and channels between tabs that can crash and hang, for tests. */
export function createFakeBrowser(): {
  tab(name: string): { readonly locks: Locks; readonly BroadcastChannel: new (name: string) => Channel }
  /** It is gone, and its locks with it; nothing more comes of it. */
  crash(name: string): void
  /** It keeps its locks, and does nothing. */
  hang(name: string): void
  wake(name: string): void
  /** That it holds, or waits for. */
  locksOf(name: string): string[]
} {
  const queues = new Map<string, { holder: Waiting | undefined; readonly waiting: Waiting[] }>()
  const channels = new Set<{ readonly tab: string; readonly name: string; deliver(data: unknown): void }>()
  const dead = new Set<string>()
  const hung = new Set<string>()

  const queueOf = (lock: string) => {
    let queue = queues.get(lock)
    if (!queue) queues.set(lock, (queue = { holder: undefined, waiting: [] }))
    return queue
  }
  const next = (lock: string): void => {
    const queue = queueOf(lock)
    if (queue.holder) return
    queue.holder = queue.waiting.shift()
    queue.holder?.run()
  }

  return {
    tab(tab) {
      const locks: Locks = {
        request: (lock, { signal, steal }, callback) =>
          new Promise((resolve, reject) => {
            const queue = queueOf(lock)
            const mine: Waiting = {
              tab,
              fail: reject,
              run() {
                const release = (): void => {
                  if (queue.holder === mine) queue.holder = undefined
                  next(lock)
                }
                // Later, as a browser does.
                setImmediate(() => void callback().then(resolve, reject).finally(release))
              },
            }
            if (steal) {
              queue.holder?.fail(new DOMException('The lock was stolen.', 'AbortError'))
              queue.holder = undefined
              queue.waiting.unshift(mine)
            } else queue.waiting.push(mine)
            signal?.addEventListener('abort', () => {
              const index = queue.waiting.indexOf(mine)
              if (index >= 0) queue.waiting.splice(index, 1)
              reject(signal.reason as Error)
            })
            next(lock)
          }),
      }
      class FakeChannel implements Channel {
        readonly #entry: { readonly tab: string; readonly name: string; deliver(data: unknown): void }
        readonly #listeners: ((event: { readonly data: unknown }) => void)[] = []
        readonly #waiting: unknown[] = []
        constructor(name: string) {
          this.#entry = {
            tab,
            name,
            deliver: (data) => {
              if (hung.has(tab)) return void this.#waiting.push(data)
              for (const listener of this.#listeners) listener({ data })
            },
          }
          channels.add(this.#entry)
        }
        postMessage(message: unknown): void {
          if (dead.has(tab) || hung.has(tab)) return
          const data = structuredClone(message)
          for (const other of channels) {
            if (other === this.#entry || other.name !== this.#entry.name || dead.has(other.tab)) continue
            setImmediate(() => channels.has(other) && !dead.has(other.tab) && other.deliver(data))
          }
        }
        addEventListener(_type: 'message', listener: (event: { readonly data: unknown }) => void): void {
          this.#listeners.push(listener)
        }
        close(): void {
          channels.delete(this.#entry)
        }
      }
      return { locks, BroadcastChannel: FakeChannel }
    },
    crash(name) {
      dead.add(name)
      for (const [lock, queue] of queues) {
        queue.waiting.splice(0, queue.waiting.length, ...queue.waiting.filter(({ tab }) => tab !== name))
        if (queue.holder?.tab === name) queue.holder = undefined
        next(lock)
      }
    },
    hang: (name) => void hung.add(name),
    wake: (name) => void hung.delete(name),
    locksOf: (name) =>
      [...queues]
        .filter(([, { holder, waiting }]) => holder?.tab === name || waiting.some(({ tab }) => tab === name))
        .map(([lock]) => lock),
  }
}
