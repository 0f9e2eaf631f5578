import { toRecord, type ErrorValue, type Frame } from '@msc/monitoring'
import { cutText } from '../../cut-text.ts'
import { MAX_FRAMES, MAX_MESSAGE, breadcrumbsOf, frame, levelOf } from '../errors.ts'
import { eventIdOf, index, record, spanIdOf, tagsOf, tail, text, traceIdOf, type Loose } from '../loose.ts'
import type { Accepted } from '../received.ts'
import { momentOf, type Reading, type Times } from './sentry-times.ts'
import { parseSeconds } from '../times.ts'

const MAX_ERRORS = 20
/** Contexts that are read into separate fields. */
const READ_CONTEXTS: ReadonlySet<string> = new Set(['trace', 'msc', 'feedback'])

/**
 * Reads an error, or a message if nothing was thrown.
 *
 * Source: https://develop.sentry.dev/sdk/data-model/event-payloads/
 */
export function fromEvent(payload: unknown, times: Times): Reading {
  const event = record(payload)
  const errors = errorsOf(event)
  const logentry = record(event['logentry'])
  const said =
    text(logentry['formatted'], MAX_MESSAGE) ??
    text(logentry['message'], MAX_MESSAGE) ??
    text(event['message'], MAX_MESSAGE)
  // A message may include the stack of its capture, as an exception without a type.
  const thrown = said === undefined || hasType(event) ? errors[0] : undefined
  const { trail, ...common } = commonOf(event, times)
  const { breadcrumbs } = event
  const signal = {
    ...common,
    extra: record(event['extra']),
    // Computed when the record is kept, from what redaction leaves.
    fingerprint: '',
    fingerprintChosen: false,
    breadcrumbs: breadcrumbsOf(
      Array.isArray(breadcrumbs) ? breadcrumbs : record(breadcrumbs)['values'],
      parseSeconds,
      times.sentAt,
      times.now,
    ),
  }
  const entry = thrown
    ? toRecord({
        ...signal,
        kind: 'error',
        level: levelOf(event['level'], 'error'),
        message: thrown.message,
        errors,
        handled: handledOf(event),
      })
    : toRecord({ ...signal, kind: 'message', level: levelOf(event['level'], 'info'), message: said ?? '(no message)' })
  const chosen = tail(event['fingerprint'], 10).flatMap((part) => text(part, 200) ?? [])
  return [
    {
      entry: { ...entry, payload: { ...entry.payload, ...(!thrown && { stack: errors[0]?.stack }), ...trail } },
      once: onceOf(common.id),
      ...(chosen.length > 0 && { chosenFingerprint: chosen }),
    },
  ]
}

/** Reads feedback that a person wrote. */
export function fromFeedback(payload: unknown, times: Times): Reading {
  const event = record(payload)
  const feedback = record(record(event['contexts'])['feedback'])
  const { trail, ...common } = commonOf(event, times)
  const eventId = eventIdOf(feedback['associated_event_id'])
  const entry = toRecord({
    ...common,
    kind: 'feedback',
    message: text(feedback['message'], MAX_MESSAGE) ?? '(no message)',
  })
  const more = { aboutEventId: eventId, contact: text(feedback['contact_email'], 200), url: text(feedback['url'], 500) }
  const accepted: Accepted = {
    entry: { ...entry, payload: { ...entry.payload, ...more, ...trail } },
    once: onceOf(common.id),
  }
  return [accepted]
}

function onceOf(id: string): string | undefined {
  return id === '' ? undefined : `event ${id}`
}

function commonOf(event: Loose, times: Times) {
  const contexts = record(event['contexts'])
  const trace = record(contexts['trace'])
  const user = userOf(event['user'])
  const traceId = traceIdOf(trace['trace_id'])
  const spanId = spanIdOf(trace['span_id'])
  const release = text(event['release'], 100)
  const environment = text(event['environment'], 100)
  return {
    id: eventIdOf(event['event_id']) ?? '',
    timestamp: momentOf(event['timestamp'], times),
    tags: tagsOf(event['tags']),
    ...(traceId !== undefined && { traceId }),
    ...(spanId !== undefined && { spanId }),
    ...(user && { user }),
    ...(release !== undefined && { release }),
    ...(environment !== undefined && { environment }),
    /** Data that signals have no field for. */
    trail: {
      serverName: text(event['server_name'], 200),
      platform: text(event['platform'], 50),
      transaction: text(event['transaction'], 200),
      request: event['request'] === undefined ? undefined : record(event['request']),
      contexts: Object.fromEntries(Object.entries(contexts).filter(([name]) => !READ_CONTEXTS.has(name))),
    },
  }
}

function userOf(value: unknown): { id: string; [property: string]: unknown } | undefined {
  const user = record(value)
  const id = [user['id'], user['username'], user['email'], user['ip_address']].find(
    (each) => (typeof each === 'string' && each !== '') || typeof each === 'number',
  )
  return id === undefined ? undefined : { ...user, id: String(id) }
}

/**
 * Sentry's list ends with the error that was thrown last. `exception_id` and `parent_id` make a tree; without them the
 * list is a chain of causes.
 */
function errorsOf(event: Loose): ErrorValue[] {
  const { exception } = event
  const values = Array.isArray(exception) ? exception : record(exception)['values']
  return tail(values, MAX_ERRORS)
    .map(record)
    .toReversed()
    .map((each, position) => errorOf(each, position))
}

function errorOf(value: Loose, position: number): ErrorValue {
  const mechanism = record(value['mechanism'])
  const name = text(value['type'], 200) ?? 'Error'
  const message = text(value['value'], MAX_MESSAGE) ?? ''
  const frames = tail(record(value['stacktrace'])['frames'], MAX_FRAMES)
    .map((each) => frameOf(record(each)))
    .toReversed()
  const id = index(mechanism['exception_id'], 100)
  const parentId = id === undefined && position > 0 ? position - 1 : index(mechanism['parent_id'], 100)
  return {
    name,
    message,
    ...(frames.length > 0 && { stack: stackText(name, message, frames) }),
    frames,
    id: id ?? position,
    ...(parentId !== undefined && { parentId, source: text(mechanism['source'], 100) ?? 'cause' }),
    ...(mechanism['is_exception_group'] === true && { isGroup: true as const }),
    ...(mechanism['data'] !== undefined && { properties: record(mechanism['data']) }),
  }
}

function thrownOf(event: Loose): Loose {
  const { exception } = event
  return record(tail(Array.isArray(exception) ? exception : record(exception)['values'], 1)[0])
}

function hasType(event: Loose): boolean {
  const { type } = thrownOf(event)
  return typeof type === 'string' && type !== ''
}

function handledOf(event: Loose): boolean {
  return record(thrownOf(event)['mechanism'])['handled'] !== false
}

function frameOf(given: Loose): Frame {
  const file = given['filename'] ?? given['abs_path'] ?? given['module']
  const isLibrary = typeof file === 'string' && /^node:|[\\/]node_modules[\\/]/.test(file.slice(0, 500))
  return frame({
    name: given['function'],
    file,
    line: given['lineno'],
    column: given['colno'],
    inApp: given['in_app'] !== false && !isLibrary,
  })
}

function stackText(name: string, message: string, frames: readonly Frame[]): string {
  const lines = frames.map(
    ({ function: call = '?', file = '?', line, column }) =>
      `    at ${call} (${[file, line, column].filter((part) => part !== undefined).join(':')})`,
  )
  return [`${name}: ${cutText(message, 1000)}`, ...lines].join('\n')
}
