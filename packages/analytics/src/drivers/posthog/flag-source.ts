import { DriverError, closedError } from '@msc/core'
import { plainJson } from '@msc/core/delivery'
import type { FlagContext, FlagSource } from '../../driver.ts'
import type { Evaluation, EvaluationReason, Json } from '../../messages.ts'
import { VARIABLES } from './address.ts'
import { assertKey, assertQuota, isFlagsAnswer, request, type PostHogTransport } from './request.ts'

/** PostHog's reasons for a flag's value. Source: `FeatureFlagMatchReason` of its flags service. */
const REASONS: ReadonlyMap<string, EvaluationReason> = new Map<string, EvaluationReason>([
  ['condition_match', 'targeting_match'],
  ['super_condition_value', 'targeting_match'],
  ['out_of_rollout_bound', 'split'],
  ['holdout_condition_value', 'split'],
  ['no_condition_match', 'default'],
  ['no_group_type', 'default'],
  ['flag_disabled', 'disabled'],
  ['missing_dependency', 'error'],
])

/** Flags that PostHog evaluates: one request, which PostHog bills, for any number of keys. */
export function posthogFlagSource(transport: PostHogTransport, runtime: 'server' | 'client'): FlagSource {
  const { driver: name, address } = transport
  let closed = false
  const open = (): void => {
    if (closed) throw closedError(name)
  }
  return {
    specificationVersion: 1,
    name,
    endpoint: address.endpoint,
    variables: VARIABLES,
    async evaluate(keys, context, signal) {
      open()
      const query = {
        token: address.key,
        ...queryOf(context),
        ...(keys !== 'all' && { flag_keys_to_evaluate: keys }),
        ...(runtime === 'server' && { geoip_disable: true, evaluation_runtime: 'server' }),
      }
      const answer = await request(transport, '/flags/?v=2', plainJson(query), signal, isFlagsAnswer)
      assertQuota(name, answer, 'feature_flags')
      return readFlags(name, answer)
    },
    async health(signal) {
      open()
      await assertKey(transport, signal)
    },
    async close() {
      closed = true
    },
  }
}

function queryOf({ subject, properties }: FlagContext): object {
  const { distinctId, anonymousId, groups } = subject
  return {
    distinct_id: distinctId ?? anonymousId,
    ...(distinctId !== undefined && anonymousId !== undefined && { $anon_distinct_id: anonymousId }),
    groups: groups ?? {},
    person_properties: properties,
    group_properties: Object.fromEntries(
      Object.entries(groups ?? {}).map(([type, key]) => [type, { $group_key: key }]),
    ),
  }
}

function readFlags(driver: string, answer: unknown): ReadonlyMap<string, Evaluation> {
  const { flags, requestId } = Object(answer) as Record<string, unknown>
  if (typeof flags !== 'object' || flags === null) {
    throw new DriverError(driver, 'The response has no flags.', { code: 'DRIVER_NOT_THE_BACKEND', retryable: true })
  }
  const found = new Map<string, Evaluation>()
  for (const [key, flag] of Object.entries(flags)) {
    const evaluation = readFlag(flag, requestId)
    if (evaluation) found.set(key, evaluation)
  }
  return found
}

/** Returns `undefined` for a flag that could not be evaluated: the caller has a fallback. */
function readFlag(value: unknown, requestId: unknown): Evaluation | undefined {
  const { enabled, variant, reason, metadata, failed } = Object(value) as Record<string, unknown>
  if (typeof enabled !== 'boolean' || failed === true) return undefined
  const { code } = Object(reason) as Record<string, unknown>
  const { version, payload } = Object(metadata) as Record<string, unknown>
  const known = typeof variant === 'string' ? variant : undefined
  const read = readPayload(payload)
  return {
    value: enabled ? (known ?? true) : false,
    reason: REASONS.get(String(code)) ?? (enabled ? 'targeting_match' : 'default'),
    ...(known !== undefined && { variant: known }),
    ...(read !== undefined && { payload: read }),
    ...(typeof version === 'number' && { version: String(version) }),
    ...(typeof requestId === 'string' && { evaluationId: requestId }),
  }
}

/** PostHog sends payloads as JSON in a string. */
function readPayload(payload: unknown): Json | undefined {
  if (payload === null || payload === undefined) return undefined
  if (typeof payload !== 'string') return payload as Json
  try {
    return JSON.parse(payload) as Json
  } catch {
    return payload
  }
}
