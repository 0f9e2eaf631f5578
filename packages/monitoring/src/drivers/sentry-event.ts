import type { Breadcrumb, Event, Exception } from '@sentry/browser'
import type { MonitoringEvent } from '../driver.ts'
import type { StackParser } from './sentry-delivery.ts'

/** One of our events as Sentry's event payload (https://develop.sentry.dev/sdk/data-model/event-payloads/). */
export function toSentryEvent(event: MonitoringEvent, platform: string, parse: StackParser): Event {
  return {
    event_id: event.id,
    timestamp: event.timestamp / 1000,
    platform,
    level: event.level,
    ...(event.kind === 'message'
      ? { message: event.message }
      : // Sentry wants the oldest cause first.
        {
          exception: { values: event.errors.map((each, index) => toException(event, each, index, parse)).toReversed() },
        }),
    tags: event.tags,
    extra: event.extra,
    ...(event.user && { user: event.user }),
    ...(event.release !== undefined && { release: event.release }),
    environment: event.environment ?? 'production',
    ...(event.fingerprintChosen && { fingerprint: [event.fingerprint] }),
    contexts: {
      ...(event.traceId !== undefined &&
        event.spanId !== undefined && { trace: { trace_id: event.traceId, span_id: event.spanId } }),
      msc: { fingerprint: event.fingerprint },
    },
    breadcrumbs: event.breadcrumbs.map(toBreadcrumb),
  } as Event
}

function toException(
  event: MonitoringEvent,
  error: MonitoringEvent['errors'][number],
  index: number,
  parse: StackParser,
): Exception {
  const frames = error.stack === undefined ? [] : parse(error.stack)
  return {
    type: error.name,
    value: error.message,
    ...(frames.length > 0 && { stacktrace: { frames } }),
    mechanism:
      index === 0
        ? { type: 'generic', handled: event.handled }
        : { type: 'chained', handled: true, source: 'cause', exception_id: index, parent_id: index - 1 },
  }
}

function toBreadcrumb({
  timestamp,
  category,
  message,
  level,
  data,
}: MonitoringEvent['breadcrumbs'][number]): Breadcrumb {
  return { timestamp: timestamp / 1000, category, message, level, ...(data && { data: { ...data } }) }
}
