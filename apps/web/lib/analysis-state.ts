import { processSlot, reportFailure } from '@msc/core'
import { getDefaultJobs, triggerAIJob, type RunInfo } from '@msc/jobs'
import { asService } from './db/database.ts'
import { analysisEventId, analysisKey } from './outbox.ts'
import type { Release } from './releases.ts'

export interface AnalysisState {
  /** `lost`: it was asked for, and nothing does it. `unknown`: the engine can't be asked at the moment. */
  readonly state: 'none' | 'queued' | 'running' | 'done' | 'failed' | 'lost' | 'unknown'
  /** The run, by which whoever runs the platform finds why it failed. */
  readonly reference?: string
}

/** Milliseconds that an engine may take from accepting an event to showing a run of it. */
const STARTING_MS = 60_000

/**
 * What becomes of a release's analysis: asked of the engine that runs it, and of the outbox row that asks for it, which are the
 * thing itself. What telemetry tells of it may be incomplete.
 */
export async function analysisState(
  release: Pick<Release, 'id' | 'lyrics' | 'analysis' | 'analysisRequests'>,
): Promise<AnalysisState> {
  const { id, lyrics, analysis, analysisRequests } = release
  if (analysis) return { state: 'done' }
  if (lyrics === '') return { state: 'none' }
  try {
    const [run] = await getDefaultJobs().runs({ eventId: analysisEventId(id, analysisRequests), limit: 1 })
    return run ? ofRun(run) : await ofEntry(analysisKey(id, analysisRequests))
  } catch (error) {
    reportFailure(error, { concern: 'web', operation: 'analysisState' })
    return { state: 'unknown' }
  }
}

/** Hours for which a lost analysis is asked for again; after that, the page's button does. */
const HOURS = 24
/** Milliseconds from one time to the next: whoever registers the functions may do so much later. */
const AGAIN_MS = 600_000
const MOST_KNOWN = 10_000
/** Failures after which a look ends: the engine is away. */
const MOST_FAILURES = 3
/** Those that need no other look before this time, by event: of those that have a run, its engine knows. */
const known = processSlot('web/analyses-looked-at', () => new Map<string, number>())

/**
 * Asks for analyses again that were handed over and that nothing does: an engine elsewhere takes an event also while it does not know
 * the function that it is for, as before a new version is registered. The event keeps its id, so that one which is only late runs once.
 */
export async function askAgain(): Promise<void> {
  const now = performance.now()
  for (const [eventId, until] of known) if (until < now || known.size > MOST_KNOWN) known.delete(eventId)
  const handedOver = await asService((tx) =>
    tx.query<{ id: string; userId: string; request: number }>(
      `select r.id, r.user_id as "userId", r.analysis_requests as request
       from releases r join msc_outbox.entries e on e.id = msc_outbox.id_of('analysis:' || r.id || ':' || r.analysis_requests)
       where r.analysis is null and r.analysis_requests > 0 and r.lyrics <> '' and e.state = 'delivered'
         and e.ended_at between now() - $1 * interval '1 hour' and now() - $2 * interval '1 millisecond'
         and 'analysis-' || r.id || '-' || r.analysis_requests <> all ($3::text[])
       order by e.ended_at limit 100`,
      [HOURS, STARTING_MS, [...known.keys()]],
    ),
  )
  let failures = 0
  for (const { id, userId, request } of handedOver) {
    const eventId = analysisEventId(id, request)
    try {
      const [run] = await getDefaultJobs().runs({ eventId, limit: 1 })
      if (!run) await triggerAIJob(userId, 'analyze-lyrics', { releaseId: id }, { id: eventId })
      known.set(eventId, run ? Infinity : now + AGAIN_MS)
    } catch (error) {
      // One that can't be asked about keeps none of the others.
      reportFailure(error, { concern: 'web', operation: 'askAgain' })
      failures += 1
      if (failures === MOST_FAILURES) return
    }
  }
}

function ofRun({ id, status }: RunInfo): AnalysisState {
  switch (status) {
    case 'queued':
      return { state: 'queued' }
    case 'running':
    case 'waiting':
      return { state: 'running' }
    case 'completed':
      // It has stored nothing, or stores for lyrics that have changed since.
      return { state: 'lost', reference: id }
    default:
      return { state: 'failed', reference: id }
  }
}

async function ofEntry(key: string): Promise<AnalysisState> {
  const [entry] = await asService((tx) =>
    tx.query<{ state: string; fresh: boolean }>(
      `select state, coalesce(ended_at > now() - $2 * interval '1 millisecond', false) as fresh
       from msc_outbox.entries where id = msc_outbox.id_of($1)`,
      [key, STARTING_MS],
    ),
  )
  if (entry?.state === 'pending' || (entry?.state === 'delivered' && entry.fresh)) return { state: 'queued' }
  return { state: entry?.state === 'parked' ? 'failed' : 'lost' }
}
