import { withCarrier, currentContext } from '@msc/core'
import { captureException, monitoringOrNothing } from './default-monitoring.ts'
import { property, textProperty } from './event/safe-read.ts'

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

/** Milliseconds for handing an error over before the function may be frozen. */
const FLUSH_MS = 2000

/**
 * Reports an error that escaped a page, a route or an action, in the trace of its request, and hands it over before a
 * serverless function may be frozen, within two seconds. Re-export it from `instrumentation.ts`. Never rejects, whatever
 * it is given and however monitoring is configured.
 */
export async function onRequestError(
  error: unknown,
  request: NextRequestInfo,
  context: NextErrorContext,
): Promise<void> {
  const digest = textProperty(error, 'digest')
  if (digest !== undefined && CONTROL_FLOW.test(digest)) return
  const capture = (): string =>
    captureException(error, {
      handled: false,
      tags: {
        route: textProperty(context, 'routePath'),
        method: textProperty(request, 'method'),
        'next.router': textProperty(context, 'routerKind'),
        'next.type': textProperty(context, 'routeType'),
        // Shown to the visitor on the error page: how a report finds its event.
        digest,
      },
      // The query stays out: that is where secrets travel.
      extra: {
        path: textProperty(request, 'path')?.split('?')[0],
        renderSource: textProperty(context, 'renderSource'),
      },
    })
  const traceparent = textProperty(property(request, 'headers'), 'traceparent')
  if (currentContext() || traceparent === undefined) capture()
  else withCarrier({ traceparent }, capture)
  await monitoringOrNothing()?.flush({ timeoutMs: FLUSH_MS })
}
