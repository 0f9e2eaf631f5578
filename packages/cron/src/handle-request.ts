import { toError, type ServiceKit } from '@msc/core'
import { problem } from '@msc/core/http-request'
import type { CronRun } from './run/cron-run.ts'
import type { CronDriver } from './driver.ts'

export interface RouteContext extends Pick<ServiceKit<'cron'>, 'inTime' | 'report'> {
  readonly driver: CronDriver
  readonly hasJob: (name: string) => boolean
  readonly run: (name: string) => Promise<CronRun>
}

const AUTHORIZE_MS = 5000

/** Answers a request that triggers the job `name`. Never rejects: a failure is reported and becomes a problem document. */
export function handleRequest(context: RouteContext, request: Request, name: string): Promise<Response> {
  return answer(context, request, name).catch((error: unknown) => {
    context.report(error, 'authorize', { job: name })
    return problem({ status: 500, title: 'The caller could not be authorised', code: 'INTERNAL' })
  })
}

async function answer(context: RouteContext, request: Request, name: string): Promise<Response> {
  const { driver, inTime, report } = context
  // Authorisation comes first, so that an unauthorised caller can't find out which names and methods there are.
  const allowed = await inTime('authorize', AUTHORIZE_MS, () => driver.authorize(request))
  if (allowed !== true) {
    const headers = { 'www-authenticate': 'Bearer' }
    return problem({ status: 401, title: 'A valid cron secret is required', code: 'UNAUTHENTICATED', headers })
  }
  if (!context.hasJob(name)) {
    return problem({ status: 404, title: 'There is no such scheduled job', code: 'NOT_FOUND' })
  }
  if (request.method !== 'GET') {
    const title = 'Scheduled jobs are triggered by GET'
    return problem({ status: 405, title, code: 'METHOD_NOT_ALLOWED', headers: { allow: 'GET' } })
  }
  try {
    const run = await context.run(name)
    if (run.outcome === 'error') {
      return problem({ status: 500, title: 'The scheduled job failed', code: 'CRON_FAILED', detail: run.error })
    }
    return Response.json(run, { headers: { 'cache-control': 'no-store' } })
  } catch (error) {
    report(error, 'handler', { job: name })
    return notStarted(error)
  }
}

/** The answer when a run could not be started. The caller is not the operator, so it must not carry internal details. */
function notStarted(error: unknown): Response {
  const { code, retryable } = toError(error) as { readonly code?: unknown; readonly retryable?: unknown }
  if (code === 'CRON_CLOSED') {
    return problem({ status: 503, title: 'This server is shutting down', code: 'CLOSING', retryAfterMs: 5000 })
  }
  if (retryable === true) {
    const title = 'The job could not be started; try again'
    return problem({ status: 503, title, code: 'NOT_STARTED', retryAfterMs: 5000 })
  }
  return problem({ status: 500, title: 'The job could not be started', code: 'INTERNAL' })
}
