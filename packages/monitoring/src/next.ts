import { withCarrier, currentContext } from '@msc/core'
import { captureException, getDefaultMonitoring } from './default-monitoring.ts'

/** What Next.js hands to `onRequestError` of `instrumentation.ts`. */
export interface NextRequestInfo {
  readonly path: string
  readonly method: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}
export interface NextErrorContext {
  readonly routerKind: string
  readonly routePath: string
  readonly routeType: string
  readonly renderSource?: string | undefined
}

// Next.js throws these to redirect, to answer 404 or to leave prerendering; none is a failure.
const CONTROL_FLOW =
  /^(?:NEXT_REDIRECT|NEXT_NOT_FOUND|NEXT_HTTP_ERROR_FALLBACK|DYNAMIC_SERVER_USAGE|BAILOUT_TO_CLIENT|HANGING_PROMISE|NEXT_STATIC_GEN_BAILOUT)/

/**
 * Reports an error that escaped a page, a route or an action, in the trace of its request, and hands it over before a
 * serverless function may be frozen. Re-export it from `instrumentation.ts`.
 */
export async function onRequestError(
  error: unknown,
  request: NextRequestInfo,
  context: NextErrorContext,
): Promise<void> {
  const digest = (error as { digest?: unknown } | null | undefined)?.digest
  if (typeof digest === 'string' && CONTROL_FLOW.test(digest)) return
  const capture = (): string =>
    captureException(error, {
      handled: false,
      tags: {
        route: context.routePath,
        method: request.method,
        'next.router': context.routerKind,
        'next.type': context.routeType,
        // Shown to the visitor on the error page: how a report finds its event.
        digest: typeof digest === 'string' ? digest : undefined,
      },
      // The query stays out: that is where secrets travel.
      extra: { path: request.path.split('?')[0], renderSource: context.renderSource },
    })
  const { traceparent } = request.headers
  if (currentContext() || typeof traceparent !== 'string') capture()
  else withCarrier({ traceparent }, capture)
  await getDefaultMonitoring().flush({ timeoutMs: 2000 })
}
