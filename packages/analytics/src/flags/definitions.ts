import { hexOf } from '@msc/core/hash'
import type { FlagContext } from '../driver.ts'
import type { Evaluation, EvaluationReason, Json } from '../messages.ts'

/** The definition of a flag for the embedded source. */
export interface FlagDefinition {
  /** When false, the flag is off for everybody. Default true. */
  readonly active?: boolean
  /** The share of people who get the flag, in percent from 0 to 100. Default 100. */
  readonly rollout?: number
  /** Shares of a multivariate flag, in percent, adding up to 100. */
  readonly variants?: readonly { readonly key: string; readonly rollout: number; readonly payload?: Json }[]
  /**
   * Limits the flag to people whose properties have all of these values. Compared as PostHog does: as text, ignoring
   * case.
   */
  readonly match?: Readonly<Record<string, string | number | boolean>>
  /** Values by distinct id, which take precedence over everything else. */
  readonly overrides?: Readonly<Record<string, Json>>
  /** The value of a flag that is on and has no variants. Default true. */
  readonly value?: Json
}

export type FlagDefinitions = Readonly<Record<string, FlagDefinition>>

/**
 * Returns a person's bucket in [0, 1): the first 15 hex digits of SHA-1("key.id" + salt), divided by the largest such
 * number. PostHog computes the same (`getFeatureFlagHash` in @posthog/core), so that people keep their variants when an
 * application moves to it.
 */
export async function bucket(key: string, distinctId: string, salt = ''): Promise<number> {
  const bytes = new TextEncoder().encode(`${key}.${distinctId}${salt}`)
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-1', bytes))
  return Number.parseInt(hexOf(digest.subarray(0, 8)).slice(0, 15), 16) / 2 ** 60
}

/** Evaluates a flag for a person: overrides, then activity, then targeting, then shares. */
export async function evaluateDefinition(
  key: string,
  flag: FlagDefinition,
  { subject, properties }: FlagContext,
): Promise<Evaluation> {
  const id = subject.distinctId ?? subject.anonymousId ?? ''
  // Own properties only: ids are arbitrary text, and a person called `constructor` has no override.
  if (flag.overrides && Object.hasOwn(flag.overrides, id)) {
    return { value: flag.overrides[id] as Json, reason: 'override' }
  }
  if (flag.active === false) return { value: false, reason: 'disabled' }
  const rules = Object.entries(flag.match ?? {})
  if (!rules.every(([name, wanted]) => Object.hasOwn(properties, name) && isSame(properties[name], wanted))) {
    return { value: false, reason: 'default' }
  }
  const matched: EvaluationReason = rules.length > 0 ? 'targeting_match' : 'static'
  const rollout = flag.rollout ?? 100
  if (rollout < 100 && (await bucket(key, id)) > rollout / 100) return { value: false, reason: 'split' }
  if (!flag.variants) return { value: flag.value ?? true, reason: rollout < 100 ? 'split' : matched }
  return (await pickVariant(key, id, flag.variants)) ?? { value: true, reason: 'split' }
}

async function pickVariant(
  key: string,
  id: string,
  variants: NonNullable<FlagDefinition['variants']>,
): Promise<Evaluation | undefined> {
  const at = await bucket(key, id, 'variant')
  let upTo = 0
  for (const { key: variant, rollout, payload } of variants) {
    upTo += rollout / 100
    if (at < upTo) {
      return { value: variant, variant, reason: 'split', ...(payload !== undefined && { payload }) }
    }
  }
  return undefined
}

/** Compares like PostHog's operator `exact`. */
function isSame(value: Json | undefined, wanted: string | number | boolean): boolean {
  return value !== undefined && String(value).toLowerCase() === String(wanted).toLowerCase()
}
