import type { FlagQuery, FlagResult, FlagValue } from './driver.ts'

/** A flag as the local driver reads it. */
export interface FlagDefinition {
  /** Off for everybody when false. Default true. */
  readonly active?: boolean
  /** Percent of people, 0 to 100. Default 100. */
  readonly rollout?: number
  /** Shares of a multivariate flag, in percent, adding up to 100. */
  readonly variants?: readonly { readonly key: string; readonly rollout: number }[]
  /** Only people whose properties have all of these values. */
  readonly match?: Readonly<Record<string, string | number | boolean>>
  /** Distinct id → value, ahead of everything else. */
  readonly overrides?: Readonly<Record<string, FlagValue>>
}

export type FlagDefinitions = Readonly<Record<string, FlagDefinition>>

/**
 * In which bucket of [0, 1) a person is: the first 15 hex digits of SHA-1("key.id" + salt) over the largest such
 * number. The same as PostHog's (`getFeatureFlagHash` in @posthog/core), so that moving there moves nobody.
 */
export async function bucket(key: string, distinctId: string, salt = ''): Promise<number> {
  const bytes = new TextEncoder().encode(`${key}.${distinctId}${salt}`)
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-1', bytes))
  let hex = ''
  for (const byte of digest.subarray(0, 8)) hex += byte.toString(16).padStart(2, '0')
  return Number.parseInt(hex.slice(0, 15), 16) / 2 ** 60
}

export async function evaluateFlag(key: string, flag: FlagDefinition, query: FlagQuery): Promise<FlagResult> {
  const override = flag.overrides?.[query.distinctId]
  if (override !== undefined) return { value: override, reason: 'override' }
  if (flag.active === false) return { value: false, reason: 'disabled' }
  for (const [name, wanted] of Object.entries(flag.match ?? {})) {
    if (query.properties[name] !== wanted) return { value: false, reason: 'no match' }
  }
  const rollout = flag.rollout ?? 100
  if (rollout < 100 && (await bucket(key, query.distinctId)) > rollout / 100) return { value: false, reason: 'rollout' }
  if (!flag.variants) return { value: true, reason: 'rollout' }
  const at = await bucket(key, query.distinctId, 'variant')
  let upTo = 0
  for (const variant of flag.variants) {
    upTo += variant.rollout / 100
    if (at < upTo) return { value: variant.key, reason: 'rollout' }
  }
  return { value: true, reason: 'rollout' }
}
