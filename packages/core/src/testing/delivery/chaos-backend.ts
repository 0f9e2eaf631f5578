import { sleep, type Clock } from '../../time/clock.ts'
import type { Random } from './random.ts'

const MOODS = [
  'ok',
  'slow',
  'silent',
  'reset',
  'unavailable',
  'limited',
  'limited errors',
  'small',
  'html',
  'garbage',
] as const

/** How the backend treats requests. In all of them it refuses what holds the poison, once it answers at all. */
export type BackendMood = (typeof MOODS)[number]

/** A backend behind `fetch`, of which it is known what it took. */
export interface ChaosBackend {
  mood: BackendMood
  /** Another mood, often a good one. */
  changeMood(): void
  /** Numbers of the items that it took: what `event of chaos <number>` names. */
  readonly taken: ReadonlySet<string>
  /** Of those the ones that came again, although it had said in time that it took them. */
  readonly repeated: ReadonlySet<string>
  readonly fetch: typeof globalThis.fetch
  /** For a backend without requests: takes a text, or throws while the mood is any but `ok`. */
  write(text: string): void
}

export interface ChaosBackendOptions {
  readonly random: Random
  /** Of what is `slow`. */
  readonly clock: Clock
  readonly poison: string
  /** Characters of a body that it takes while it is `small`. Default 4 000. */
  readonly small?: number
}

export function createChaosBackend({ random, clock, poison, small = 4000 }: ChaosBackendOptions): ChaosBackend {
  const taken = new Set<string>()
  const answered = new Set<string>()
  const repeated = new Set<string>()
  const namesIn = (text: string): string[] =>
    Array.from(text.matchAll(/event of chaos (\d+)/g), ([, name = '']) => name)
  const take = (text: string): void => {
    for (const name of namesIn(text)) taken.add(name)
  }
  const answerTo = async (_url: unknown, init?: RequestInit): Promise<Response> => {
    const body = String(init?.body)
    const { mood } = backend
    for (const name of namesIn(body)) if (answered.has(name)) repeated.add(name)
    const signal = init?.signal ?? undefined
    if (mood === 'silent') return silence(signal)
    // Long enough for a sink that asks once for each item to get only a part of its batch through in time.
    if (mood === 'slow') await sleep(random.integer(100, 3000), { clock, ...(signal && { signal }) })
    if (mood === 'reset') throw new TypeError('fetch failed')
    if (mood === 'unavailable') return answer(503)
    if (mood === 'html') return answer(200, { 'content-type': 'text/html' }, '<html>')
    if (mood === 'limited') return answer(429, { 'retry-after': String(random.integer(0, 3)) })
    if (body.includes(poison)) return answer(400)
    if (mood === 'small' && body.length > small) return answer(413)
    take(body)
    if (mood === 'garbage') return answer(200, {}, 'OK!')
    for (const name of namesIn(body)) answered.add(name)
    const limits = mood === 'limited errors' && { 'x-sentry-rate-limits': '2:error:organization' }
    return answer(200, { 'content-type': 'application/json', ...limits })
  }
  const backend: ChaosBackend = {
    mood: 'ok',
    changeMood() {
      backend.mood = random.chance(1 / 3) ? 'ok' : random.pick(MOODS)
    },
    taken,
    repeated,
    fetch: answerTo as typeof globalThis.fetch,
    write(text) {
      if (backend.mood !== 'ok') throw new Error('EIO')
      take(text)
    },
  }
  return backend
}

/** A real `Response` is read by turns of the event loop, which virtual time does not wait for. */
function answer(status: number, headers: Readonly<Record<string, string>> = {}, text = ''): Response {
  const plain = { type: 'basic', status, headers: new Headers(headers), text: async () => text }
  return plain as unknown as Response
}

function silence(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
}
