import { isRecord, readField } from '@msc/core'
import type { AnyJob, JobEvent } from '../define-job.ts'
import type { RunInfo, RunQuery, RunStatus } from '../driver.ts'
import type { Failure } from '../errors.ts'
import { listensTo } from '../listens-to.ts'
import { ask, isEventList } from './inngest-api.ts'
import { unwrap, type SdkEvent } from './inngest-payload.ts'

export interface InngestApi {
  readonly send: typeof fetch
  readonly base: string
  readonly authorization: string
  readonly jobs: readonly AnyJob[]
}

/** Which ids Inngest gave to an event, one each time that it was sent under an id of ours. */
export interface EventIds {
  remember(own: string, given: string | undefined): void
  of(own: string): readonly string[]
}

const REMEMBERED = 10_000

/** The latest that this process has sent; those of others are looked for. */
export function createEventIds(): EventIds {
  const known = new Map<string, readonly string[]>()
  return {
    remember(own, given) {
      if (given === undefined || !ULID.test(given)) return
      // What is sent again starts no function that has started, so that each of them is a run of one of these.
      known.set(own, [...(known.get(own) ?? []), given].slice(-MAX_SAME))
      if (known.size <= REMEMBERED) return
      const [oldest] = known.keys()
      known.delete(oldest as string)
    },
    of: (own) => known.get(own) ?? [],
  }
}

/** As Inngest names events and runs. Ours are longer, so neither is taken for the other. */
const ULID = /^[\dA-HJKMNP-TV-Z]{26}$/i
/** The latest events that are looked through for one of ours: Inngest finds none by the id that it was sent under. */
const PAGES = 10
const PAGE = 100
const SMALL_PAGE = 25
/** Events carry up to 512 KiB each. */
const MAX_PAGE_BYTES = 16 * 1024 * 1024
/** Events that were sent under one id more than once: one has the runs, as a rule the first. */
const MAX_SAME = 5

/**
 * The runs of an event, by Inngest's REST API, which has a key of its own and answers from some seconds ago.
 *
 * Source: https://www.inngest.com/docs/examples/fetch-run-status-and-output; `pkg/api/apiv1/events.go` of
 * https://github.com/inngest/inngest at 0de6dbf.
 */
export async function runsOfEvent(
  query: RunQuery & { readonly eventId: string },
  given: readonly string[],
  api: InngestApi,
  signal: AbortSignal,
): Promise<RunInfo[]> {
  const { eventId, job, status, limit = 50, before } = query
  const isOfInngest = given.length === 0 && ULID.test(eventId)
  const runsOf = async (ids: readonly string[]): Promise<RunInfo[]> =>
    (await Promise.all(ids.map((each) => readRuns(each, eventId, api, signal)))).flat()
  let all = await runsOf(isOfInngest ? [eventId] : given)
  // Also when what this process sent has none: it may have been the second time, after a first whose answer was lost.
  if (all.length === 0 && !isOfInngest) all = await runsOf(await findEvents(eventId, api, signal))
  const runs = all.toSorted((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1))
  const from = before === undefined ? 0 : runs.findIndex(({ id }) => id === before) + 1
  return runs
    .slice(from)
    .filter((run) => (job === undefined || run.job === job) && (status === undefined || run.status === status))
    .slice(0, limit)
}

/** Inngest's ids of what was sent under an id of ours. */
async function findEvents(own: string, api: InngestApi, signal: AbortSignal): Promise<string[]> {
  const found: string[] = []
  let cursor: string | undefined
  let left = PAGES * PAGE
  let size = PAGE
  while (left > 0 && found.length < MAX_SAME) {
    const read = async (limit: number): Promise<unknown> => {
      const url = new URL(`/v1/events?limit=${limit}`, api.base)
      if (cursor !== undefined) url.searchParams.set('cursor', cursor)
      return get(url, api, signal)
    }
    const said = await read(size).catch((error: unknown) => {
      // Of events that are as large as they may be, it would be more than is read of an answer.
      if (size === SMALL_PAGE || readField(error, 'code') !== 'DRIVER_NOT_THE_BACKEND') throw error
      size = SMALL_PAGE
      return read(size)
    })
    const events = listOf(said).filter(isRecord)
    left -= size
    for (const event of events) {
      if (event['id'] === own && typeof event['internal_id'] === 'string') found.push(event['internal_id'])
    }
    // One page more, since the first time, which has the runs, is older.
    if (found.length > 0) left = Math.min(left, size)
    const last = events.at(-1)?.['internal_id']
    if (events.length < size || typeof last !== 'string' || last === cursor) break
    cursor = last
  }
  return found.slice(0, MAX_SAME)
}

async function readRuns(id: string, eventId: string, api: InngestApi, signal: AbortSignal): Promise<RunInfo[]> {
  const at = (path: string): URL => new URL(`/v1/events/${encodeURIComponent(id)}${path}`, api.base)
  const runs = listOf(await get(at('/runs'), api, signal)).filter(isRun)
  if (runs.length === 0) return []
  const about = await get(at(''), api, signal).catch((error: unknown) => {
    // It may have been deleted before its runs were, which are what was asked for.
    if (readField(error, 'retryable') !== false || signal.aborted) throw error
    return undefined
  })
  const { event } = unwrap(eventOf(about), eventId)
  const listeners = api.jobs.filter((each) => listensTo(each, event.name))
  return runs.map((run) => infoOf(run, { ...event, id: eventId }, listeners))
}

function get(url: URL, { send, authorization }: InngestApi, signal: AbortSignal): Promise<unknown> {
  return ask(
    send,
    url,
    { variable: 'INNGEST_SIGNING_KEY', expects: isAnswer, refusals: isUnknown },
    { headers: { authorization }, signal },
    MAX_PAGE_BYTES,
  )
}

const isAnswer = (said: unknown): boolean =>
  isEventList(said) || (isRecord(said) && (isRecord(said['data']) || typeof said['name'] === 'string'))

/** Of an event that it does not have any more, or that is none: nothing is known of its runs. */
function isUnknown(said: unknown, status: number): boolean {
  return (status === 404 || status === 400) && isRecord(said)
}

function listOf(said: unknown): unknown[] {
  const list = isRecord(said) ? said['data'] : said
  return Array.isArray(list) ? list : []
}

/** Bare, or under `data`. An event's own `data` has no name beside it. */
function eventOf(said: unknown): SdkEvent {
  const inner = isRecord(said) && isRecord(said['data']) && typeof said['name'] !== 'string' ? said['data'] : said
  const { name, data, ts } = isRecord(inner) ? inner : {}
  return {
    name: typeof name === 'string' ? name : '',
    data: isRecord(data) ? data : {},
    ts: typeof ts === 'number' ? ts : 0,
  }
}

type Run = Readonly<Record<string, unknown>> & { readonly run_id: string }
const isRun = (value: unknown): value is Run => isRecord(value) && typeof value['run_id'] === 'string'

const STATUSES: Readonly<Record<string, RunStatus>> = {
  scheduled: 'queued',
  queued: 'queued',
  running: 'running',
  completed: 'completed',
  failed: 'failed',
  cancelled: 'cancelled',
  skipped: 'cancelled',
}

function infoOf(run: Run, event: JobEvent, listeners: readonly AnyJob[]): RunInfo {
  const endedAt = timeOf(run['ended_at'])
  const startedAt = timeOf(run['run_started_at'])
  // A word that is not known yet: only whether it has ended is certain.
  const status = STATUSES[String(run['status']).toLowerCase()] ?? (endedAt === undefined ? 'running' : 'failed')
  const [only] = listeners
  const isOver = status === 'completed' || status === 'failed' || status === 'cancelled'
  return {
    id: run.run_id,
    // Inngest says its own id of the function, by which we know none.
    job: listeners.length === 1 && only ? only.id : String(run['function_id'] ?? ''),
    event,
    status,
    attempt: 0,
    createdAt: startedAt ?? event.ts,
    ...(startedAt !== undefined && status !== 'queued' && { startedAt }),
    ...(isOver && endedAt !== undefined && { endedAt }),
    ...(status === 'completed' && run['output'] !== undefined && { result: run['output'] }),
    ...(status === 'failed' && { error: failureOf(run['output']) }),
  }
}

/** Go writes the year 1 for a time that there is none of. */
function timeOf(value: unknown): number | undefined {
  const at = typeof value === 'string' ? Date.parse(value) : Number.NaN
  return at > 0 ? at : undefined
}

/** The error as the SDK has written it, in one of the places where versions of Inngest put it. */
function failureOf(output: unknown): Failure {
  const told = typeof output === 'string' ? parsed(output) : output
  const error = isRecord(told) && isRecord(told['error']) ? told['error'] : told
  if (!isRecord(error)) return { name: 'Error', message: typeof error === 'string' ? error : 'The run failed.' }
  const { name, message, error: text } = error
  return {
    name: typeof name === 'string' ? name : 'Error',
    message: String(message ?? text ?? 'The run failed.'),
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}
