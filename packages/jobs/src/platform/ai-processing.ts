import { assertMethods } from '@msc/core'
import { defineJob, type JobDefinition } from '../define-job.ts'
import { NonRetriableError } from '../errors.ts'
import { aiTasks } from '../task-types.ts'
import { aiProcessFor, type AIProcess } from './events.ts'
import { assertPorts } from './assert-ports.ts'
import type { PlatformPorts } from './ports.ts'

/** `ai/process`: loads, processes, stores, announces. Takes the tasks that have a handler; no other can be sent. */
export function aiProcessing({
  ai,
  notifier,
}: Pick<PlatformPorts, 'ai'> & Partial<Pick<PlatformPorts, 'notifier'>>): JobDefinition<AIProcess> {
  assertPorts({ ...(notifier && { notifier }) })
  for (const task of aiTasks) {
    if (ai[task]) assertMethods('jobs', `ports.ai.${task}`, ai[task], ['load', 'process', 'store'], ['announce'])
  }
  const payloads = aiTasks.flatMap((task) => (ai[task] ? [[task, ai[task].payload] as const] : []))
  return defineJob(
    {
      id: 'ai-processing',
      triggers: [aiProcessFor(Object.fromEntries(payloads))],
      // One user's hundred uploads must not hold up everybody else's first.
      concurrency: { key: 'data.userId', limit: 4 },
      timeout: '1h',
    },
    async ({ event: { data: task }, step, runId }) => {
      const handler = ai[task.taskType]
      if (!handler) throw new NonRetriableError(`No handler for the AI task ${task.taskType}`)
      const input = await step.run('load', async () => {
        const found = await handler.load(task)
        // What was deleted will not come back: trying again would change nothing.
        if (found === null) throw new NonRetriableError(`What ${task.taskType} is to work on no longer exists`)
        return found
      })
      const key = `${runId}:process`
      const output = await step.run('process', ({ signal }) => handler.process(input, { key, signal }), {
        timeout: '10m',
      })
      const stored = await step.run('store', () => handler.store(input, output, { key: `${runId}:store` }))
      // What came too late to be kept is no news.
      const notice = stored === false ? undefined : handler.announce?.(input, output)
      if (notice && notifier) await step.run('notify', () => notifier.notify(notice, { key: `${runId}:notify` }))
      return { taskType: task.taskType }
    },
  )
}
