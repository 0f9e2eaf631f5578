// Ends a process in the way that its first argument names, with three items pending.
import { appendFileSync } from 'node:fs'
import { appendFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { atProcessEnd } from '../endings.ts'
import { createOutbox } from '../../outbox.ts'
import { DELIVERED } from '../../sink/receipt.ts'

const [way = '', target = ''] = process.argv.slice(2)
const toFile = !target.startsWith('http')
/** The usual budget if there is no answer; otherwise enough for a busy machine. */
const patienceMs = target.includes('/silent/') ? 2000 : 15_000
const lines = (batch: readonly string[]): string => batch.map((item) => `${item}\n`).join('')

const outbox = createOutbox<string>({
  concern: 'monitoring',
  driver: 'test',
  label: (item) => ({ id: item, kind: 'error', bytes: item.length }),
  async send(batch, { signal }) {
    if (toFile) await appendFile(target, lines(batch))
    else await fetch(target, { method: 'POST', body: lines(batch), signal })
    return DELIVERED
  },
  sendSync: toFile ? (batch) => appendFileSync(target, lines(batch)) : undefined,
  limits: { maxItems: 10, maxBytes: 10_000, maxItemBytes: 1000 },
  maxQueue: 100,
  flushIntervalMs: 20,
  timeoutMs: patienceMs / 2,
})
const events = ['beforeExit', 'exit', 'uncaughtExceptionMonitor', 'uncaughtException', 'unhandledRejection']
events.push('newListener', 'removeListener', 'SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP')
/** The listeners per event. Node has some of its own. */
const listeners = (): readonly number[] => events.map((event) => process.listenerCount(event))
const listenersBefore = listeners()

const stop = atProcessEnd(
  {
    flush: (budgetMs) => outbox.flush(budgetMs),
    lastWords: () => outbox.lastWords(),
    onFatal: (error, origin) => outbox.push(`${origin} ${(error as Error).message}`),
  },
  { budgetMs: patienceMs },
)
for (const item of ['a', 'b', 'c']) outbox.push(item)

/** Ends like an application that lets pending deliveries finish first. */
const endMyself = (code: number): void => void outbox.flush(patienceMs).then(() => process.exit(code))
const serveForEver = (): void => void setInterval(() => {}, 1000)
const fail = (): never => {
  throw new Error('nobody caught this')
}

const inWorker = (how: string): void => {
  stop()
  // The worker delivers the items, so this thread must not.
  void outbox.close(0)
  new Worker(fileURLToPath(import.meta.url), { argv: [how, target] })
    .on('error', ({ message }: Error) => console.log(`error: ${message}`))
    .on('exit', (code) => console.log(`exit: ${code}`))
}

const ways: Readonly<Record<string, () => void>> = {
  natural: () => {},
  'exit code': () => (process.exitCode = 3),
  uncaught: () => (serveForEver(), setImmediate(fail)),
  'uncaught value': () =>
    setImmediate(() =>
      Promise.resolve().then(() =>
        queueMicrotask(() => {
          throw 'a text'
        }),
      ),
    ),
  unhandled: () => (serveForEver(), void Promise.reject(new Error('nobody caught this'))),
  'unhandled value': () => void Promise.reject({ status: 7 }),
  'handled in time': () => void Promise.reject(new Error('caught')).catch(() => {}),
  'handled too late': () => {
    const promise = Promise.reject(new Error('nobody caught this'))
    setTimeout(() => promise.catch(() => console.log('caught at last')), 50)
  },
  'handled later, own listener': () => {
    process.on('unhandledRejection', () => console.log('mine'))
    process.on('rejectionHandled', () => console.log('handled'))
    const promise = Promise.reject(new Error('nobody caught this'))
    setTimeout(() => void promise.catch(() => {}), 50)
  },
  'own uncaught listener': () => {
    process.on('uncaughtException', () => endMyself(9))
    setImmediate(fail)
  },
  'own uncaught listener, rejection': () => {
    process.on('uncaughtException', (_, origin) => (console.log(origin), endMyself(9)))
    void Promise.reject(new Error('nobody caught this'))
  },
  'participant fails': () => {
    atProcessEnd({
      flush: () => Promise.reject(new Error('flush failed')),
      lastWords: fail,
      onFatal: () => (setImmediate(fail), fail()),
    })
    setImmediate(fail)
  },
  exit: () => process.exit(4),
  SIGTERM: () => (serveForEver(), console.log('ready')),
  'own SIGTERM listener': () => {
    process.once('SIGTERM', () => endMyself(5))
    serveForEver()
    console.log('ready')
  },
  'SIGTERM listener comes late': () => {
    serveForEver()
    // This participant's flush runs before the signal ends the process.
    atProcessEnd({
      flush: async () => void process.on('SIGTERM', () => endMyself(6)),
      lastWords: () => {},
    })
    console.log('ready')
  },
  'hostile inspect': () => {
    const inspect = Symbol.for('nodejs.util.inspect.custom')
    setImmediate(() => {
      throw Object.assign(new Error('mine'), { [inspect]: fail })
    })
  },
  'hostile stack': () =>
    setImmediate(() => {
      throw Object.defineProperty(new Error('mine'), 'stack', { get: fail })
    }),
  'revoked proxy': () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    setImmediate(() => {
      throw proxy
    })
  },
  'monitored rejection': () => {
    process.on('uncaughtExceptionMonitor', (_, origin) => console.log(origin))
    void Promise.reject(new Error('nobody caught this'))
  },
  'captured rejection': () => {
    process.setUncaughtExceptionCaptureCallback(({ message }) => console.log(message))
    void Promise.reject(new Error('nobody caught this'))
    setTimeout(() => console.log('alive'), 50)
  },
  'exit while it is delivered': () => {
    setImmediate(fail)
    setTimeout(() => process.exit(0), 100)
  },
  'listener that went': () => {
    const mine = (): void => {}
    process.on('unhandledRejection', mine).off('unhandledRejection', mine)
    console.log(process.listenerCount('unhandledRejection'))
    void Promise.reject(new Error('nobody caught this'))
    serveForEver()
  },
  'worker uncaught': () => inWorker('uncaught'),
  'worker unhandled': () => inWorker('unhandled'),
  'no participant': () => {
    stop()
    process.on('unhandledRejection', serveForEver).off('unhandledRejection', serveForEver)
    console.log(String(listeners()) === String(listenersBefore) ? 'as before' : 'changed')
  },
}
ways[way]?.()
