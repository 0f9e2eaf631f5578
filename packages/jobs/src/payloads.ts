import { MscError, ValidationError, carrier, sortableId, validate, type StandardSchema } from '@msc/core'
import type { AnyJob, EventInput, EventType, JobEvent } from './define-job.ts'
import type { OutgoingEvent } from './driver.ts'
import { MAX_EVENT_BYTES } from './limits.ts'
import { listensTo } from './listens-to.ts'

/**
 * An event as it is stored: known, valid for all that listen, and not too large.
 *
 * @throws ValidationError
 */
export async function outgoing(
  jobs: readonly AnyJob[],
  awaited: ReadonlySet<string>,
  { name, data, id, ts }: EventInput,
  now: number,
): Promise<OutgoingEvent> {
  const listeners = jobs.filter((job) => listensTo(job, name))
  if (listeners.length === 0 && !awaited.has(name)) {
    const known = new Set(
      jobs.flatMap(({ triggers }) => triggers.flatMap((each) => ('event' in each ? each.event : []))),
    )
    throw new ValidationError(`[msc/jobs] No job listens to ${JSON.stringify(name)}.`, [], {
      code: 'JOB_EVENT_UNKNOWN',
      hint: `Known events: ${[...known, ...awaited].join(', ') || 'none'}. Name those that are only waited for in \`events\`.`,
    })
  }
  const text = serialised(name, data)
  for (const job of listeners) {
    const schema = schemaOf(job, name)
    if (schema) await validate(schema, data, `Data of ${name}`)
  }
  if (id !== undefined && !isEventId(id)) {
    throw new ValidationError(`[msc/jobs] An event's id has 1 to 200 characters, and none that can not be seen.`, [], {
      code: 'JOB_ARGUMENT_INVALID',
    })
  }
  if (ts !== undefined && !(Number.isSafeInteger(ts) && ts >= 0)) {
    throw new ValidationError(`[msc/jobs] An event's ts is in whole milliseconds since the epoch, not ${ts}.`, [], {
      code: 'JOB_ARGUMENT_INVALID',
    })
  }
  return { id: id ?? sortableId(now), name, data: JSON.parse(text) as unknown, ts: ts ?? now, carrier: carrier() }
}

export const isEventId = (id: string): boolean => /^\P{C}{1,200}$/u.test(id)

/** What `step.invoke` passes to a job, checked as an event's data is. */
export async function invoked(job: AnyJob, data: unknown): Promise<unknown> {
  const text = serialised(`a run of ${job.id}`, data)
  const schema = schemaOf(job, INVOKED)
  if (schema) await validate(schema, data, `Data of a run of ${job.id}`)
  return JSON.parse(text) as unknown
}

/** The name of the event of a run that another has invoked. */
export const INVOKED = 'msc/invoked'
/** The name of the event of a run that a schedule has started; its data is `{ cron }`. */
export const SCHEDULED = 'msc/scheduled'

/** What the data of an event has to be for a job. */
function schemaOf(job: AnyJob, event: string): StandardSchema | undefined {
  // What a schedule starts carries nothing of the caller's.
  if (event === SCHEDULED) return undefined
  const first = job.triggers.find((trigger) => 'event' in trigger) as EventType | undefined
  return ((event === INVOKED ? first : listensTo(job, event))?.schema ?? job.schema) as StandardSchema | undefined
}

function serialised(what: string, data: unknown): string {
  let text: string
  try {
    text = JSON.stringify(data ?? null) ?? 'null'
  } catch (cause) {
    throw new ValidationError(`[msc/jobs] The data of ${what} can not be written as JSON.`, [], {
      code: 'JOB_EVENT_INVALID',
      hint: 'Send strings, numbers, booleans, null, arrays and plain objects.',
      cause,
    })
  }
  if (text.length > MAX_EVENT_BYTES || new TextEncoder().encode(text).length > MAX_EVENT_BYTES) {
    throw new ValidationError(`[msc/jobs] The data of ${what} is larger than ${MAX_EVENT_BYTES} bytes.`, [], {
      code: 'JOB_EVENT_TOO_LARGE',
      hint: 'Store the data and send a reference to it.',
    })
  }
  return text
}

/** The job with its payload checked again: what was queued by an older version may not fit this one. */
export function checked(job: AnyJob): AnyJob {
  const { handler, triggers } = job
  if (!job.schema && !triggers.some((each) => 'event' in each && each.schema)) return job
  const check = async (event: JobEvent): Promise<JobEvent> => {
    const schema = schemaOf(job, event.name)
    if (!schema) return event
    try {
      return { ...event, data: await validate<unknown>(schema, event.data, `Data of ${event.name}`) }
    } catch (error) {
      // It will not become valid by waiting.
      throw MscError.isInstance(error) ? Object.assign(error, { code: 'JOB_NON_RETRIABLE' }) : error
    }
  }
  return {
    ...job,
    handler: async (context) => {
      const events: JobEvent[] = []
      for (const event of context.events) events.push(await check(event))
      return handler({ ...context, event: events[0] as never, events: events as never })
    },
  }
}
