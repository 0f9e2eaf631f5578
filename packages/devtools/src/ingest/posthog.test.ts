import { createMemoryJournal, type JournalRecord } from '@msc/core'
import { createManualClock } from '@msc/core/testing'
import { describe, expect, it } from 'vitest'
import { createIngest } from './create-ingest.ts'

function setup(personSecret = 'secret') {
  const clock = createManualClock()
  const journal = createMemoryJournal({ now: clock.now })
  const ingest = createIngest({ journal, basePath: '/api/msc', clock, personSecret })
  const post = (body: object, path = '/batch/'): Promise<Response> =>
    ingest(new Request(`http://127.0.0.1/api/msc${path}`, { method: 'POST', body: JSON.stringify(body) }))
  const all = (): JournalRecord[] => journal.query({ limit: 1000 }).toReversed()
  return { clock, post, all }
}
const event = (distinct_id: unknown, rest: object = {}) => ({ event: 'clicked', distinct_id, properties: {}, ...rest })
const uuid = (n: number): string => `00000000-0000-7000-8000-${String(n).padStart(12, '0')}`

describe('the events of PostHog', () => {
  it('keep two persons apart whose ids are addresses, card numbers or very long', async () => {
    const { post, all } = setup()
    const ids = [
      'ana@msc.example',
      'ben@msc.example',
      '4242424242424242',
      '4000056655665556',
      `${'x'.repeat(300)}1`,
      `${'x'.repeat(300)}2`,
      'plain-id',
      '',
    ]
    await post({ batch: ids.map((id) => event(id, { properties: { distinct_id: id, $anon_distinct_id: id } })) })
    const users = all().map(({ userId }) => userId)
    expect(new Set(users).size).toBe(ids.length)
    expect(users.slice(0, 6).every((user) => /^anonymous:person_[\da-f]{24}$/.test(user ?? ''))).toBe(true)
    expect(users.slice(6)).toEqual(['anonymous:plain-id', undefined])
    expect(JSON.stringify(all())).not.toMatch(/msc\.example|4242424242424242/)
    const person = users[0]?.replace('anonymous:', '')
    expect(all()[0]?.payload['properties']).toMatchObject({ distinct_id: person, $anon_distinct_id: person })
  })

  it('name a person the same after a restart with the same secret, and differently without it', async () => {
    const named = async (secret?: string): Promise<string | undefined> => {
      const { post, all } = setup(secret)
      await post({ batch: [event('ana@msc.example')] })
      return all()[0]?.userId
    }
    expect(await named('one')).toBe(await named('one'))
    expect(await named('one')).not.toBe(await named('two'))
  })

  it('are kept once, however often they are sent, and all kept without an id', async () => {
    const { post, all } = setup()
    for (let i = 0; i < 3; i++) await post({ batch: [event('u', { uuid: uuid(1) }), event('u')] })
    expect(all()).toHaveLength(4)
  })

  it('have their times by the server’s clock', async () => {
    const { post, all, clock } = setup()
    const iso = (ms: number): string => new Date(ms).toISOString()
    const slow = clock.now() - 7_200_000
    await post({ sent_at: iso(slow), batch: [event('u', { timestamp: iso(slow - 60_000) })] })
    await post([event('u', { timestamp: iso(slow - 60_000) })], `/e/?_=${slow}`)
    await post([event('u', { offset: 90_000 })], '/e/')
    await post({ batch: [event('u', { timestamp: iso(clock.now() - 2 * 86_400_000) })] })
    await post({ batch: [event('u', { timestamp: '+275760-09-13T00:00:00.000Z' })] })
    await post({
      sent_at: iso(slow),
      batch: [event('u', { timestamp: iso(slow), properties: { $ignore_sent_at: true } })],
    })
    expect(all().map(({ ts }) => clock.now() - ts)).toEqual([60_000, 60_000, 90_000, 2 * 86_400_000, 0, 7_200_000])
  })

  it('are not pushed out by recordings, which are counted', async () => {
    const { post, all } = setup()
    await post({ batch: [event('u'), ...Array.from({ length: 50 }, () => event('u', { event: '$snapshot' }))] }, '/s/')
    expect(all().map(({ kind, name }) => [kind, name])).toEqual([
      ['event', 'clicked'],
      ['drop', '50 $snapshot: not kept'],
    ])
  })

  it('are all kept, or refused so that the SDK sends them again in halves', async () => {
    const { post, all } = setup()
    expect((await post({ batch: Array.from({ length: 1001 }, () => event('u')) })).status).toBe(413)
    expect(all()).toEqual([])
    expect((await post({ batch: Array.from({ length: 900 }, () => event('u')) })).status).toBe(200)
    expect(all()).toHaveLength(900)
  })
})
