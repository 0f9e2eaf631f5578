// A process with other libraries that handle its end, and with ours before or after them if the first argument says so.
import { writeSync } from 'node:fs'
import { atProcessEnd } from '@msc/core/delivery'

const [ours, company = '', how = ''] = process.argv.slice(2)
const say = (text: string): void => void writeSync(1, `${text}\n`)
const takePart = (): void => {
  const flush = (): Promise<void> => new Promise((done) => setTimeout(() => done(say('delivered')), 50))
  atProcessEnd({ flush, lastWords: () => {} })
}

type OnExit = typeof import('signal-exit').onExit
// @ts-expect-error This version has no types.
const signalExit3 = async (): Promise<OnExit> => (await import('signal-exit-3')).default as OnExit
const signalExit4 = async (): Promise<OnExit> => (await import('signal-exit')).onExit
/** Nothing listens on this port. */
const away = 'http://127.0.0.1:9'

// Each entry loads only what it needs, since some libraries are large.
const companies: Readonly<Record<string, () => Promise<unknown>>> = {
  'signal-exit 3': async () => (await signalExit3())((_, signal) => say(`heard ${signal}`)),
  'signal-exit 4': async () => (await signalExit4())((_, signal) => say(`heard ${signal}`)),
  async 'both signal-exits'() {
    ;(await signalExit3())(() => {})
    ;(await signalExit4())(() => {})
  },
  async 'signal-exit that is refused'() {
    const onExit = await signalExit4()
    onExit((_, signal) => {
      if (signal) setTimeout(() => process.exit(6), 300)
      return true
    })
  },
  async 'signal-exit and a handler'() {
    const onExit = await signalExit4()
    onExit(() => {})
    process.on('SIGTERM', () => setTimeout(() => process.exit(5), 300))
  },
  async Sentry() {
    const { init } = await import('@sentry/node')
    init({ dsn: 'http://key@127.0.0.1:9/1' })
  },
  async PostHog() {
    const { PostHog } = await import('posthog-node')
    return new PostHog('phc_test', { host: away, enableExceptionAutocapture: true })
  },
}

if (ours === 'first') takePart()
await companies[company]?.()
if (ours === 'last') takePart()

// Keeps the process alive until something ends it.
setInterval(() => undefined, 60_000)
const fail = (): never => {
  throw new RangeError('nobody caught this')
}
if (how === 'throw') setImmediate(fail)
else if (how === 'reject') void Promise.reject(new RangeError('nobody caught this'))
else process.kill(process.pid, how)
