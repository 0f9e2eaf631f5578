import { toError, type ServiceKit } from '@msc/core'
import type { CronRun } from './cron-run.ts'
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
    return problem(500, 'The caller could not be authorised')
  })
}

async function answer(context: RouteContext, request: Request, name: string): Promise<Response> {
  const { driver, inTime, report } = context
  // Authorisation comes first, so that an unauthorised caller can't find out which names and methods there are.
  const allowed = await inTime('authorize', AUTHORIZE_MS, () => driver.authorize(request))
  if (allowed !== true) {
    return problem(401, 'A valid cron secret is required', { 'www-authenticate': 'Bearer' })
  }
  if (!context.hasJob(name)) return problem(404, 'There is no such scheduled job')
  if (request.method !== 'GET') return problem(405, 'Scheduled jobs are triggered by GET', { allow: 'GET' })
  try {
    const run = await context.run(name)
    if (run.outcome === 'error') return problem(500, `${name} failed: ${run.error}`)
    return Response.json(run, { headers: { 'cache-control': 'no-store' } })
  } catch (error) {
    report(error, 'handler', { job: name })
    return notStarted(error)
  }
}

/** The answer when a run could not be started. */
function notStarted(error: unknown): Response {
  const { code, retryable } = toError(error) as { readonly code?: unknown; readonly retryable?: unknown }
  if (code === 'CRON_CLOSED') return problem(503, 'This server is shutting down', { 'retry-after': '5' })
  if (retryable === true) return problem(503, 'The job could not be started; try again', { 'retry-after': '5' })
  return problem(500, 'The job could not be started')
}

/** A problem document (RFC 9457). The caller is not the operator, so its title must not carry internal details. */
function problem(status: number, title: string, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify({ type: 'about:blank', title, status }), {
    status,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store', ...headers },
  })
}
