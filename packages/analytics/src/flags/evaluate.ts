import { emit } from '@msc/core'
import { plainJson } from '@msc/core/delivery'
import type { Analytics, FlagValue } from '../analytics.ts'
import { badCall, readName, readSubject } from '../recording/bad-call.ts'
import type { FlagContext } from '../driver.ts'
import type { FlagReader } from './reader.ts'
import type { Evaluation, Json, JsonObject, Subject } from '../messages.ts'
import { asValidation } from '../recording/record.ts'

export interface EvaluatingContext {
  readonly flags: FlagReader | undefined
  readonly strict: boolean
  readonly expose: Analytics['expose']
  readonly report: (error: unknown, operation: string) => void
}

/** See {@link Analytics.evaluateFlag}. */
export async function evaluateFlag(
  context: EvaluatingContext,
  ...[flag, about, options]: Parameters<Analytics['evaluateFlag']>
): Promise<Evaluation> {
  // JavaScript callers may pass `null`, which must not make this throw.
  const { fallback = false, properties, groups } = options ?? {}
  try {
    const question = questionOf(readSubject(about), properties, groups)
    const found = await context.flags?.evaluate([readName(flag, 'a flag')], question)
    const known = found?.get(flag)
    const evaluation = known ?? unanswered(context, found, fallback)
    emit('flags.evaluate', { flag, value: shown(evaluation), reason: evaluation.reason })
    if (known) context.expose(question.subject, flag, known)
    return evaluation
  } catch (error) {
    if (context.strict) throw asValidation(error)
    context.report(asValidation(error), 'flags')
    return { value: fallback, reason: 'error', errorCode: 'INVALID_CONTEXT' }
  }
}

/** See {@link Analytics.evaluateFlags}. */
export async function evaluateFlags(
  context: EvaluatingContext,
  ...[about, options]: Parameters<Analytics['evaluateFlags']>
): Promise<ReadonlyMap<string, Evaluation>> {
  const { properties, groups } = options ?? {}
  try {
    return (await context.flags?.evaluate('all', questionOf(readSubject(about), properties, groups))) ?? new Map()
  } catch (error) {
    if (context.strict) throw asValidation(error)
    context.report(asValidation(error), 'flags')
    return new Map()
  }
}

/** The reason for a missing answer, in OpenFeature's terms. */
function unanswered({ flags }: EvaluatingContext, found: unknown, fallback: Json): Evaluation {
  return flags && !found
    ? { value: fallback, reason: 'error', errorCode: 'PROVIDER_NOT_READY' }
    : { value: fallback, reason: 'default', errorCode: 'FLAG_NOT_FOUND' }
}

function questionOf(subject: Subject, properties: object = {}, groups?: Subject['groups']): FlagContext {
  // A copy as plain JSON. It is not redacted, since rules compare the values.
  const copy: unknown = JSON.parse(plainJson(properties))
  if (typeof copy !== 'object' || copy === null || Array.isArray(copy)) {
    throw badCall('`properties` of a flag must be an object.', 'ANALYTICS_CONTEXT_INVALID')
  }
  return { subject: groups ? readSubject({ ...subject, groups }) : subject, properties: copy as JsonObject }
}

/** The value as `getFeatureFlag` returns it: a boolean, text or the name of a variant. */
export function asFlagValue({ value, variant }: Evaluation): FlagValue {
  if (typeof value === 'boolean' || typeof value === 'string') return value
  return value === null ? false : (variant ?? true)
}

function shown({ value, variant }: Evaluation): string {
  return typeof value === 'object' ? (variant ?? 'object') : String(value)
}
