import { createJobs, defineJob, type JobStore } from '@msc/jobs'
import { embedded } from '@msc/jobs/embedded'
import { postgresStore } from '@msc/jobs/stores/postgres'
import { sqliteStore } from '@msc/jobs/stores/sqlite'

/** One engine with one job. `send` resolves when the job is stored; `onDone` hears of each that has ended. */
interface Contender {
  send(n: number): Promise<unknown>
  close(): Promise<unknown>
}

export type Start = (where: string, concurrency: number, onDone: (n: number) => void) => Promise<Contender>

const two = (first: number): number => first + 1

/** Tells of an end when that is stored; the others tell when their handler is done. */
const ours =
  (storeOf: (where: string) => JobStore): Start =>
  async (where, concurrency, onDone) => {
    const job = defineJob<{ n: number }>({ id: 'two', triggers: [{ event: 'bench/two' }] }, async ({ event, step }) => {
      const { n } = event.data
      const first = await step.run('first', () => n)
      await step.run('second', () => two(first))
    })
    const driver = embedded({ store: storeOf(where), concurrency })
    const jobs = createJobs({
      jobs: [job],
      driver: {
        ...driver,
        bind: (host) =>
          driver.bind({
            ...host,
            onRunEnd(run, error) {
              host.onRunEnd(run, error)
              onDone((run.event.data as { n: number }).n)
            },
          }),
      },
    })
    await jobs.start()
    return { send: (n) => jobs.send('bench/two', { n }), close: () => jobs.close() }
  }

const openworkflow =
  (kind: 'sqlite' | 'postgres'): Start =>
  async (where, concurrency, onDone) => {
    const { OpenWorkflow } = await import('openworkflow')
    const backend =
      kind === 'sqlite'
        ? (await import('openworkflow/sqlite')).BackendSqlite.connect(where)
        : await (await import('openworkflow/postgres')).BackendPostgres.connect(where)
    const client = new OpenWorkflow({ backend })
    const workflow = client.defineWorkflow<{ n: number }, void>({ name: 'two' }, async ({ input, step }) => {
      const first = await step.run({ name: 'first' }, () => input.n)
      await step.run({ name: 'second' }, () => two(first))
      onDone(input.n)
    })
    const worker = client.newWorker({ concurrency })
    await worker.start()
    return {
      send: (n) => workflow.run({ n }),
      async close() {
        await worker.stop()
        await backend.stop()
      },
    }
  }

const dbos: Start = async (where, _concurrency, onDone) => {
  const { DBOS } = await import('@dbos-inc/dbos-sdk')
  DBOS.setConfig({ name: 'bench', systemDatabaseUrl: where, logLevel: 'error' })
  const workflow = DBOS.registerWorkflow(
    async (n: number) => {
      const first = await DBOS.runStep(async () => n, { name: 'first' })
      await DBOS.runStep(async () => two(first), { name: 'second' })
      onDone(n)
    },
    { name: 'two' },
  )
  await DBOS.launch()
  // Started in this process, which is quicker than through a queue.
  return { send: (n) => DBOS.startWorkflow(workflow)(n), close: () => DBOS.shutdown() }
}

/** One step: it has no others. */
const pgBoss: Start = async (where, _concurrency, onDone) => {
  const { PgBoss } = await import('pg-boss')
  const boss = new PgBoss({ connectionString: where, useListenNotify: true })
  boss.on('error', () => {})
  await boss.start()
  await boss.createQueue('one', { notify: true })
  await boss.work<{ n: number }>(
    'one',
    { batchSize: 50, localConcurrency: 4, pollingIntervalSeconds: 0.5, burstWhenBatchFull: true },
    async (jobs) => {
      for (const { data } of jobs) onDone(data.n)
    },
  )
  return { send: (n) => boss.send('one', { n }), close: () => boss.stop({ graceful: false }) }
}

/** One step: it has no others. */
const graphile: Start = async (where, concurrency, onDone) => {
  const { Logger, run } = await import('graphile-worker')
  const runner = await run({
    connectionString: where,
    concurrency,
    noHandleSignals: true,
    logger: new Logger(() => () => {}),
    preset: { worker: { localQueue: { size: concurrency + 1 }, completeJobBatchDelay: 0 } },
    taskList: { one: async (payload) => onDone((payload as { n: number }).n) },
  })
  return { send: (n) => runner.addJob('one', { n }), close: () => runner.stop() }
}

/** One step: it has no others. On a Redis that persists nothing. */
const bullmq: Start = async (where, concurrency, onDone) => {
  const { Queue, Worker } = await import('bullmq')
  const connection = { host: '127.0.0.1', port: Number(new URL(where).port) }
  const queue = new Queue<{ n: number }>('one', { connection })
  const worker = new Worker<{ n: number }>('one', async ({ data }) => onDone(data.n), { connection, concurrency })
  await worker.waitUntilReady()
  return {
    send: (n) => queue.add('one', { n }),
    async close() {
      await worker.close()
      await queue.close()
    },
  }
}

export const contenders: Readonly<Record<string, Start>> = {
  'ours-sqlite': ours((path) => sqliteStore({ path })),
  'ours-sqlite-power': ours((path) => sqliteStore({ path, durability: 'power' })),
  'ours-postgres': ours((url) => postgresStore({ url })),
  'openworkflow-sqlite': openworkflow('sqlite'),
  'openworkflow-postgres': openworkflow('postgres'),
  dbos,
  'pg-boss': pgBoss,
  graphile,
  bullmq,
}
