import { closedPort, startRedisServer } from '../redis-server.ts'
import { target } from '../targets.ts'
import { startWorker, type Worker } from '../worker.ts'

const DEADLINE_MS = 500
/** Longer than anybody waits for a page. */
const PATIENCE_MS = 20_000
const CONTENDERS = ['@msc/cache', 'bentocache', 'cacheable', 'cache-manager', 'async-cache-dedupe']

interface Answer {
  readonly right: boolean
  readonly milliseconds: number
}

/** How long a call takes until it has its value while Redis is silent, refuses connections, or stops in mid-life. */
export async function benchOutage(): Promise<void> {
  console.log(`\nTime to the value of a cold key while Redis is away; our deadline is ${DEADLINE_MS} ms`)
  const refusing = await closedPort()
  await outage('refusing: nothing listens', async (name) => {
    const worker = await start(name, refusing)
    return { worker, close: async () => undefined }
  })
  await outage('silent: accepts, and never answers', async (name) => {
    const server = await startRedisServer()
    server.pause()
    return { worker: await start(name, server.port), close: () => server.close() }
  })
  await outage('stalling: answers at first, then never', async (name) => {
    const server = await startRedisServer()
    const worker = await start(name, server.port)
    for (let i = 0; i < 3; i++) {
      worker.send(`warm:${i}`)
      const answer = await worker.next<Answer>(PATIENCE_MS)
      if (!answer?.right) throw new Error(`${name} has no value while Redis is well.`)
    }
    server.pause()
    return { worker, close: () => server.close() }
  })
}

async function start(name: string, port: number): Promise<Worker> {
  const worker = startWorker(new URL('./outage-worker.ts', import.meta.url), [name, String(port), String(DEADLINE_MS)])
  if ((await worker.next(PATIENCE_MS)) !== 'ready') throw new Error(`${name} does not start.`)
  return worker
}

async function outage(
  title: string,
  prepare: (name: string) => Promise<{ readonly worker: Worker; readonly close: () => Promise<void> }>,
): Promise<void> {
  console.log(`  ${title}`)
  // All at once: they do little but wait.
  const answers = await Promise.all(
    CONTENDERS.map(async (name) => {
      const { worker, close } = await prepare(name)
      // The first call, and one that may know already: the slower counts.
      let worst: Answer | undefined
      for (const key of ['cold:1', 'cold:2']) {
        worker.send(key)
        const answer = await worker.next<Answer>(PATIENCE_MS)
        if (!worst || !answer || answer.milliseconds > worst.milliseconds) worst = answer
        if (!answer) break
      }
      worker.kill()
      await close()
      return worst
    }),
  )
  for (const [index, answer] of answers.entries()) {
    const said = !answer
      ? `no value in ${PATIENCE_MS / 1000} s`
      : `${answer.milliseconds.toFixed(0).padStart(6)} ms${answer.right ? '' : ', then an error'}`
    console.log(`    ${(CONTENDERS[index] as string).padEnd(24)} ${said}`)
  }
  const ours = answers[0]?.right ? answers[0].milliseconds : Infinity
  target(`${title.split(':')[0]}, time to value`, ours, DEADLINE_MS * 1.2, 'ms')
}
