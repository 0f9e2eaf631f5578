import type { Breadcrumb, ErrorSignal, ErrorValue, Frame, MessageSignal } from '../../signals.ts'

/**
 * Writes an error or a message as Sentry's event payload.
 *
 * Source: https://develop.sentry.dev/sdk/data-model/event-payloads/
 */
export function toEvent(signal: ErrorSignal | MessageSignal, platform: string): Record<string, unknown> {
  const { id, timestamp, level, message, tags, extra, user, release, environment = 'production' } = signal
  return {
    event_id: id,
    timestamp: timestamp / 1000,
    platform,
    level,
    ...(signal.kind === 'message'
      ? { logentry: { formatted: message }, message }
      : { exception: { values: toExceptions(signal) } }),
    tags,
    extra,
    ...(user && { user }),
    ...(release !== undefined && { release }),
    environment,
    ...(signal.fingerprintChosen && { fingerprint: [signal.fingerprint] }),
    contexts: { ...traceContext(signal), msc: { fingerprint: signal.fingerprint } },
    breadcrumbs: signal.breadcrumbs.map(toBreadcrumb),
  }
}

export function traceContext(signal: { readonly traceId?: string; readonly spanId?: string }): object {
  const { traceId, spanId } = signal
  return traceId === undefined || spanId === undefined ? {} : { trace: { trace_id: traceId, span_id: spanId } }
}

/** Sentry expects the thrown error last. `exception_id` and `parent_id` define the tree (RFC 0079). */
function toExceptions({ errors, handled }: ErrorSignal): object[] {
  return errors.map((error) => toException(error, handled, errors.length > 1)).toReversed()
}

function toException(error: ErrorValue, handled: boolean, inTree: boolean): object {
  const { id, parentId, source, isGroup, properties } = error
  return {
    type: error.name,
    value: error.message,
    // Sentry expects the call that threw last.
    ...(error.frames.length > 0 && { stacktrace: { frames: error.frames.map(toFrame).toReversed() } }),
    mechanism: {
      type: parentId === undefined ? 'generic' : 'chained',
      handled: parentId === undefined ? handled : true,
      ...(inTree && { exception_id: id }),
      ...(parentId !== undefined && { parent_id: parentId, source }),
      ...(isGroup && { is_exception_group: true }),
      ...(properties && { data: properties }),
    },
  }
}

function toFrame({ function: name, file, line, column, inApp }: Frame): object {
  return {
    filename: file ?? '<anonymous>',
    function: name ?? '?',
    in_app: inApp,
    ...(line !== undefined && { lineno: line }),
    ...(column !== undefined && { colno: column }),
  }
}

function toBreadcrumb({ timestamp, category, message, level, data }: Breadcrumb): object {
  return { timestamp: timestamp / 1000, category, message, level, ...(data && { data }) }
}
