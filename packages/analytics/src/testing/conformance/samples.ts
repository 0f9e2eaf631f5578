import type { Envelope, Message, MessageKind, Subject } from '../../messages.ts'

export const AT = 1_750_000_000_000
const SUBJECT: Subject = { distinctId: 'user-1' }

/** One message of each kind, with every field set, and its subject. */
export const SAMPLES: { readonly [Kind in MessageKind]: readonly [Subject, Extract<Message, { kind: Kind }>] } = {
  track: [
    SUBJECT,
    {
      kind: 'track',
      event: 'release_created',
      properties: { title: 'Night Drive', tracks: 3, live: true, nested: { a: [1, null, 'é'] } },
    },
  ],
  identify: [
    { distinctId: 'user-1', anonymousId: 'visitor-1' },
    { kind: 'identify', set: { role: 'artist' }, setOnce: { signed_up: '2026-01-01' }, unset: ['trial'] },
  ],
  alias: [SUBJECT, { kind: 'alias', alias: 'old-1' }],
  group: [SUBJECT, { kind: 'group', type: 'company', groupKey: 'msc', set: { plan: 'pro' } }],
  page: [{ anonymousId: 'visitor-2' }, { kind: 'page', path: '/releases', title: 'Releases' }],
  exposure: [
    SUBJECT,
    { kind: 'exposure', flag: 'checkout', evaluation: { value: 'express', reason: 'split', version: '3' } },
  ],
  ai: [
    SUBJECT,
    {
      kind: 'ai',
      operation: 'generation',
      model: 'gpt-4',
      provider: 'openai',
      usage: { input: 1000, output: 500, total: 1500, cacheRead: 200, cacheWrite: 10, reasoning: 50 },
      latencyMs: 2000,
      failed: true,
      error: 'timeout',
    },
  ],
}

export const track = (event: string): Message => ({ kind: 'track', event, properties: {} })

export function sample(rest: Partial<Envelope>): Envelope {
  return { id: crypto.randomUUID(), at: AT, subject: SUBJECT, source: 'server', message: track('sample'), ...rest }
}
