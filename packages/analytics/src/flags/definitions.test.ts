import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { bucket, evaluateDefinition, type FlagDefinition } from './definitions.ts'
import type { Evaluation, JsonObject } from '../messages.ts'

const evaluate = (flag: FlagDefinition, distinctId: string, properties: JsonObject = {}): Promise<Evaluation> =>
  evaluateDefinition('f', flag, { subject: { distinctId }, properties })

describe('flags', () => {
  it('put people into the same buckets as PostHog does', async () => {
    // SHA-1("beta.distinct-7") and SHA-1("beta.distinct-7variant"), computed independently of this code.
    for (const salt of ['', 'variant']) {
      const hex = createHash('sha1').update(`beta.distinct-7${salt}`).digest('hex').slice(0, 15)
      expect(await bucket('beta', 'distinct-7', salt)).toBe(Number(BigInt(`0x${hex}`)) / 2 ** 60)
    }
  })

  it('roll out to about the share they name, always to the same people', async () => {
    const flag = { rollout: 30 }
    const values = await Promise.all(Array.from({ length: 2000 }, (_, i) => evaluate(flag, `u${i}`)))
    const share = values.filter(({ value }) => value).length / 2000
    expect(share).toBeGreaterThan(0.26)
    expect(share).toBeLessThan(0.34)
    expect(await evaluate(flag, 'u7')).toEqual(values[7])
  })

  it('apply overrides first, then activity, then targeting', async () => {
    const flag: FlagDefinition = { active: false, overrides: { me: 'blue' }, match: { plan: 'pro' } }
    expect(await evaluate(flag, 'me')).toEqual({ value: 'blue', reason: 'override' })
    expect(await evaluate(flag, 'you', { plan: 'pro' })).toEqual({ value: false, reason: 'disabled' })
    const targeted: FlagDefinition = { match: { plan: 'pro', beta: true } }
    expect(await evaluate(targeted, 'you', { plan: 'free', beta: true })).toEqual({ value: false, reason: 'default' })
    expect(await evaluate(targeted, 'you', { plan: 'Pro', beta: 'true' })).toEqual({
      value: true,
      reason: 'targeting_match',
    })
  })

  it.each(['constructor', 'toString', '__proto__'])('have no override for a person called %s', async (name) => {
    expect(await evaluate({ active: false, overrides: { me: true } }, name)).toEqual({
      value: false,
      reason: 'disabled',
    })
    expect((await evaluate({ match: { [name]: 'x' } }, 'u')).value).toBe(false)
  })

  it('return values of any type, and the payload of a variant', async () => {
    expect(await evaluate({ value: { rows: 20 } }, 'u')).toEqual({ value: { rows: 20 }, reason: 'static' })
    const variants = [{ key: 'wide', rollout: 100, payload: { rows: 40 } }]
    expect(await evaluate({ variants }, 'u')).toEqual({
      value: 'wide',
      variant: 'wide',
      payload: { rows: 40 },
      reason: 'split',
    })
  })
})
