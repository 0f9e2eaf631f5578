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
  it('is read whole: value, variant, payload, version, and why', async () => {
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
  ] as const)('says why in words of ours: %s', async (code, enabled, reason) => {
    expect(await evaluate({ enabled, reason: { code } })).toMatchObject({ value: enabled, reason })
  })

  it.each([
    ['failed to evaluate', { enabled: false, failed: true }],
    ['is no flag', 'nonsense'],
    ['is nothing', null],
  ])('leaves out what %s, so that whoever asks has the fallback', async (_name, flag) => {
    expect(await evaluate(flag)).toBeUndefined()
  })

  it('keeps a payload that is no JSON as it is', async () => {
    expect(await evaluate({ enabled: true, metadata: { payload: 'hello' } })).toMatchObject({ payload: 'hello' })
  })

  it.each([{}, { flags: null }, [], 'text', null])('rejects when it is none: %j', async (answer) => {
    const { source } = answering(answer)
    await expect(source.evaluate('all', ANA, new AbortController().signal)).rejects.toMatchObject({
      code: 'DRIVER_NOT_THE_BACKEND',
      retryable: true,
    })
  })
})

it('asks for whom it is, with both ids of one who has just become known, and with groups', async () => {
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
