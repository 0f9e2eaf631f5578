import { withCarrier, currentContext } from '@msc/core'
import { captureException, monitoringOrNothing } from './default-monitoring.ts'
import { property, textProperty } from './event/safe-read.ts'

/** The request that Next.js passes to `onRequestError` of `instrumentation.ts`. */
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

// Next.js throws these to redirect, to answer 404 or to leave prerendering. None of them is a failure.
const CONTROL_FLOW =
  /^(?:NEXT_REDIRECT|NEXT_NOT_FOUND|NEXT_HTTP_ERROR_FALLBACK|DYNAMIC_SERVER_USAGE|BAILOUT_TO_CLIENT|HANGING_PROMISE|NEXT_STATIC_GEN_BAILOUT)/

/** Milliseconds to deliver an error before the serverless function may be frozen. */
const FLUSH_MS = 2000

/**
 * Reports an error that escaped a page, a route or an action, in the trace of its request. Resolves when it is delivered or
 * after two seconds, so that a serverless function is not frozen before. Re-export it from `instrumentation.ts`. Never
 * rejects, whatever the arguments and the configuration are.
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
        // The error page shows it to the visitor, whose report can then be matched with the event.
        digest,
      },
      // Without the query, which may contain secrets.
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
