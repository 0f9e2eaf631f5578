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

/** How the backend treats requests. In every mood in which it answers, it refuses bodies that contain the poison. */
export type BackendMood = (typeof MOODS)[number]

/** A backend behind `fetch` that records what it accepted. */
export interface ChaosBackend {
  mood: BackendMood
  /** Chooses another mood, often `ok`. */
  changeMood(): void
  /** The numbers of the items that it accepted, from the text `event of chaos <number>`. */
  readonly taken: ReadonlySet<string>
  /** The numbers of items that were sent again although it had confirmed them. */
  readonly repeated: ReadonlySet<string>
  readonly fetch: typeof globalThis.fetch
  /** Accepts a text directly, for drivers without requests. Throws while the mood is not `ok`. */
  write(text: string): void
}

export interface ChaosBackendOptions {
  readonly random: Random
  /** The clock for `slow` answers. */
  readonly clock: Clock
  readonly poison: string
  /** The longest body in characters that it accepts while it is `small`. Default 4 000. */
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
    // Long enough that a sink with one request per item delivers only a part of its batch in time.
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

/** Makes a plain object: reading a real `Response` takes turns of the event loop, for which virtual time does not wait. */
function answer(status: number, headers: Readonly<Record<string, string>> = {}, text = ''): Response {
  const plain = { type: 'basic', status, headers: new Headers(headers), text: async () => text }
  return plain as unknown as Response
}

function silence(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
}
