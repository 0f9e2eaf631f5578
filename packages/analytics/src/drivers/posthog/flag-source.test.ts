import { describe, expect, it } from 'vitest'
import type { FlagContext } from '../../driver.ts'
import type { Evaluation } from '../../messages.ts'
import { posthogFlags } from '../posthog.ts'

const ANA: FlagContext = { subject: { distinctId: 'ana' }, properties: {} }

function answering(answer: unknown) {
  const asked: unknown[] = []
  const fetch = async (_url: unknown, init?: RequestInit): Promise<Response> => {
    asked.push(JSON.parse(String(init?.body)))
    return Response.json(answer)
  }
  return { asked, source: posthogFlags({ key: 'phc_x', fetch: fetch as typeof globalThis.fetch }) }
}

const evaluate = async (flag: unknown): Promise<Evaluation | undefined> => {
  const { source } = answering({ flags: { f: flag }, requestId: 'r-1' })
  return (await source.evaluate('all', ANA, new AbortController().signal)).get('f')
}

describe('PostHog’s answer', () => {
  it('is read completely: value, variant, payload, version and reason', async () => {
    expect(
      await evaluate({
        enabled: true,
        variant: 'wide',
        reason: { code: 'condition_match' },
        metadata: { version: 3, payload: '{"rows":20}' },
      }),
    ).toEqual({
      value: 'wide',
      variant: 'wide',
      payload: { rows: 20 },
      version: '3',
      reason: 'targeting_match',
      evaluationId: 'r-1',
    })
  })

  it.each([
    ['out_of_rollout_bound', false, 'split'],
    ['no_condition_match', false, 'default'],
    ['flag_disabled', false, 'disabled'],
    ['something new', true, 'targeting_match'],
  ] as const)('has its reason translated to ours: %s', async (code, enabled, reason) => {
    expect(await evaluate({ enabled, reason: { code } })).toMatchObject({ value: enabled, reason })
  })

  it.each([
    ['failed to evaluate', { enabled: false, failed: true }],
    ['is not a flag', 'nonsense'],
    ['is nothing', null],
  ])('leaves out a flag that %s, so that the caller gets the fallback', async (_name, flag) => {
    expect(await evaluate(flag)).toBeUndefined()
  })

  it('keeps a payload that is not JSON as text', async () => {
    expect(await evaluate({ enabled: true, metadata: { payload: 'hello' } })).toMatchObject({ payload: 'hello' })
  })

  it.each([{}, { flags: null }, [], 'text', null])('is rejected when it is invalid: %j', async (answer) => {
    const { source } = answering(answer)
    await expect(source.evaluate('all', ANA, new AbortController().signal)).rejects.toMatchObject({
      code: 'DRIVER_NOT_THE_BACKEND',
      retryable: true,
    })
  })
})

it('is requested with both ids of a visitor who has just been identified, and with groups', async () => {
  const { source, asked } = answering({ flags: {} })
  const subject = { distinctId: 'ana', anonymousId: 'v', groups: { company: 'msc' } }
  await source.evaluate(['f'], { subject, properties: { plan: 'pro' } }, new AbortController().signal)
  expect(asked).toMatchObject([
    {
      token: 'phc_x',
      distinct_id: 'ana',
      $anon_distinct_id: 'v',
      groups: { company: 'msc' },
      group_properties: { company: { $group_key: 'msc' } },
      person_properties: { plan: 'pro' },
      flag_keys_to_evaluate: ['f'],
    },
  ])
})
