import { duration, type Duration } from '@msc/core'
import type { AnyJob, KeyPath } from '../define-job.ts'

/** A definition's options as `createFunction` takes them. Paths become expressions in CEL. */
export function functionOptions(job: AnyJob): Record<string, unknown> {
  const { throttle, debounce, batch, priority, idempotencyKey } = job
  return {
    id: job.id,
    // Always sent: Inngest's own default is 4 retries.
    retries: job.attempts - 1,
    triggers: job.triggers.map((trigger) =>
      'event' in trigger ? { event: trigger.event } : { cron: `TZ=${trigger.timezone ?? 'UTC'} ${trigger.cron}` },
    ),
    ...(job.concurrency.length > 0 && {
      concurrency: job.concurrency.map(({ limit, key }) => ({ limit, ...keyed(key) })),
    }),
    ...(throttle && {
      throttle: {
        limit: throttle.limit,
        period: seconds(throttle.period),
        ...(throttle.burst !== undefined && { burst: throttle.burst }),
        ...keyed(throttle.key),
      },
    }),
    ...(debounce && {
      debounce: {
        period: seconds(debounce.period),
        ...(debounce.maxWait !== undefined && { timeout: seconds(debounce.maxWait) }),
        ...keyed(debounce.key),
      },
    }),
    ...(batch && { batchEvents: { maxSize: batch.size, timeout: seconds(batch.timeout), ...keyed(batch.key) } }),
    ...(priority !== undefined && {
      priority: { run: typeof priority === 'number' ? String(priority) : expression(priority) },
    }),
    ...(idempotencyKey !== undefined && { idempotency: expression(idempotencyKey) }),
    ...(job.cancelOn.length > 0 && {
      cancelOn: job.cancelOn.map(({ event, match, timeout }) => ({
        event,
        ...(match !== undefined && { match }),
        ...(timeout !== undefined && { timeout: seconds(timeout) }),
      })),
    }),
  }
}

const expression = (path: KeyPath): string => `event.${path}`
const keyed = (path: KeyPath | undefined): { key?: string } => (path === undefined ? {} : { key: expression(path) })

/** Inngest counts in whole seconds. */
function seconds(time: Duration): string {
  return `${Math.max(1, Math.ceil(duration(time) / 1000))}s`
}
