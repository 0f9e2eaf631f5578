import {
  currentContext,
  emit,
  isError,
  isValidationError,
  readField,
  runReported,
  toError,
  ValidationError,
  type Clock,
  type Redactor,
} from '@msc/core'
import type { Analytics, RecordOptions } from '../analytics.ts'
import { badCall, readName, readSubject } from './bad-call.ts'
import { buildEnvelope, type EnvelopeBase, type MessageInput } from './build-envelope.ts'
import { checkAgainst, type Catalogue } from './catalogue.ts'
import { exposureKey, type Exposures } from './exposures.ts'
import type { Envelope, Subject } from '../messages.ts'
import type { Sink } from './sinks.ts'
import { isPlausibleTime } from './read-time.ts'
import { isUuid, uuidv7 } from './uuid.ts'

export interface RecordingContext {
  readonly sinks: readonly Sink[]
  readonly clean: Redactor
  readonly clock: Clock
  readonly exposures: Exposures
  readonly catalogue: Catalogue | undefined
  readonly strict: boolean
  readonly release: string | undefined
  readonly source: Envelope['source']
  readonly report: (error: unknown, operation: string, details?: Readonly<Record<string, unknown>>) => void
  /** Calls whose schema has not answered yet; a flush waits for them. */
  readonly checking: Set<Promise<void>>
}

/**
 * Takes a call to the queues. A bad call is dropped, counted and reported, because a rejection that nobody awaits would
 * end the process; with `strict` it throws.
 *
 * Calls `onLost` of the options when the call was refused or no queue had room for it.
 */
export function record(
  context: RecordingContext,
  about: unknown,
  input: MessageInput,
  options: RecordOptions = {},
): Promise<void> {
  const { strict, checking } = context
  const lost = (): void => tellLost(options)
  try {
    const base = baseOf(context, readSubject(about), options)
    const later = sendChecked(context, base, input, lost)
    if (!later) return Promise.resolve()
    const settled = later.catch((error: unknown) => {
      lost()
      refuse(context, error, input)
    })
    checking.add(settled)
    void settled.finally(() => checking.delete(settled))
    return strict ? later : settled
  } catch (error) {
    lost()
    if (strict) throw asValidation(error)
    refuse(context, error, input)
    return Promise.resolve()
  }
}

function tellLost(options: RecordOptions): void {
  const { onLost } = Object(options) as RecordOptions
  if (onLost) runReported(onLost, { concern: 'analytics', operation: 'onLost' })
}

/** See {@link Analytics.expose}. */
export function expose(
  context: RecordingContext,
  ...[subject, flag, evaluation, options]: Parameters<Analytics['expose']>
): void {
  const input: MessageInput = { kind: 'exposure', flag, evaluation }
  let key: string
  try {
    assertEvaluation(flag, evaluation)
    key = exposureKey(readSubject(subject), flag, evaluation)
    if (evaluation.reason === 'error' || !context.exposures.isNew(key)) return
  } catch (error) {
    tellLost(options ?? {})
    if (context.strict) throw asValidation(error)
    refuse(context, error, input)
    return
  }
  const onLost = (): void => {
    context.exposures.forget(key)
    tellLost(options ?? {})
  }
  void record(context, subject, input, { ...options, onLost })
}

/** While the flag source is away there are no evaluations, so a caller may pass the `undefined` that it found. */
function assertEvaluation(flag: unknown, evaluation: unknown): void {
  if (typeof flag === 'string' && typeof readField(evaluation, 'reason') === 'string') return
  throw badCall(
    '`expose` needs a flag key and its evaluation.',
    'ANALYTICS_EXPOSURE_INVALID',
    'Pass what `evaluateFlags` returned for this flag. If it returned nothing, there was no exposure.',
  )
}

function baseOf(context: RecordingContext, subject: Subject, options: RecordOptions): EnvelopeBase {
  const { source, release } = context
  const { id, page } = options
  const at = timeOf(context, options)
  if (id !== undefined && !isUuid(id)) {
    throw badCall(
      '`id` must be a UUID.',
      'ANALYTICS_ID_INVALID',
      'Backends recognise duplicates by it: pass a UUID, or leave it out.',
    )
  }
  const traceId = currentContext()?.trace.traceId
  return {
    id: id ?? uuidv7(at),
    at,
    subject,
    source,
    ...(traceId !== undefined && { traceId }),
    ...(release !== undefined && { release }),
    ...(page && { page }),
  }
}

/** An impossible time is reported, and the event is recorded as of now: the event is worth more than its time. */
function timeOf({ clock, strict, report }: RecordingContext, { at }: RecordOptions): number {
  const now = clock.now()
  if (at === undefined || isPlausibleTime(at, now)) return at ?? now
  const error = badCall(
    '`at` is not a time at which an event can have happened.',
    'ANALYTICS_TIME_INVALID',
    'Pass milliseconds since the epoch, not seconds or nanoseconds.',
  )
  if (strict) throw error
  report(error, 'at', { code: error.code })
  return now
}

/** Returns a promise only when a schema is asynchronous. */
function sendChecked(
  context: RecordingContext,
  base: EnvelopeBase,
  input: MessageInput,
  onLost: () => void,
): Promise<void> | undefined {
  if (input.kind !== 'track' || !context.catalogue) {
    push(context, base, input, onLost)
    return undefined
  }
  const { kind, event } = input
  const checked = checkAgainst(context.catalogue, readName(event, 'an event'), input.properties)
  if (checked instanceof Promise)
    return checked.then((properties) => push(context, base, { kind, event, properties }, onLost))
  push(context, base, { kind, event, properties: checked }, onLost)
  return undefined
}

function push({ sinks, clean }: RecordingContext, base: EnvelopeBase, input: MessageInput, onLost: () => void): void {
  const envelope = buildEnvelope(base, input, clean)
  const { message } = envelope
  // `every` would stop at the first sink without room.
  const kept = sinks.map((sink) => sink.push(envelope))
  if (!kept.includes(true)) onLost()
  emit('analytics.track', {
    event: message.kind === 'track' ? message.event : message.kind,
    outcome: kept.includes(false) ? 'dropped' : 'ok',
  })
}

const BY_RULE: ReadonlySet<string> = new Set(['ANALYTICS_EVENT_UNKNOWN', 'ANALYTICS_PROPERTIES_INVALID'])

function refuse({ sinks, report, clean }: RecordingContext, thrown: unknown, input: MessageInput): void {
  const error = asValidation(thrown)
  const kind = kindOf(input)
  const reason = BY_RULE.has(error.code) ? 'filtered' : 'unreadable'
  for (const sink of sinks) sink.drop(kind, 1, reason, clean.text(error.message))
  report(error, kind, { code: error.code })
}

function kindOf(input: MessageInput): string {
  try {
    return String(input.kind)
  } catch {
    return 'unknown'
  }
}

/** A caller's proxy or getter may throw any value. */
export function asValidation(error: unknown): ValidationError {
  // Recognised by its marker, since a bundler may include core twice. Read once, so that no later code triggers its
  // getters.
  const message = readField(error, 'message')
  if (isError(error) && isValidationError(error) && typeof message === 'string') return error
  const said = isError(error) ? message : toError(error).message
  return new ValidationError(`[msc/analytics] The call could not be read: ${textOf(said)}`, [], {
    code: 'ANALYTICS_UNREADABLE',
    hint: 'Pass plain data as properties.',
    cause: error,
  })
}

function textOf(said: unknown): string {
  return typeof said === 'string' ? said : '[unreadable]'
}
