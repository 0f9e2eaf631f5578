import { defineJob, type JobDefinition } from '@msc/jobs'

/** A job that waits for 20 ms in its only step, as one does that asks another service. */
export function ioJob(onRun: (n: number) => void): JobDefinition<{ n: number }> {
  return defineJob<{ n: number }, unknown>({ id: 'io', triggers: [{ event: 'bench/io' }] }, ({ event, step }) =>
    step.run('ask', async () => {
      await new Promise((resolve) => setTimeout(resolve, 20))
      onRun(event.data.n)
    }),
  )
}
