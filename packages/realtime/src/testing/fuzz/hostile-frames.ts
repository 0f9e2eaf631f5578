import type { Choose } from './choose.ts'
import { hostileJson, mutated } from './hostile-json.ts'

/** What a frame of a fuzzer may name. */
export interface Vocabulary {
  readonly topics: readonly string[]
  readonly tokens: readonly string[]
  /** Presence keys, own and others'. */
  readonly keys: readonly string[]
}

/** Those that get further are more frequent, or hardly anybody would be in a room for long. */
const EVENTS =
  `phx_join phx_join phx_join phx_join broadcast broadcast broadcast broadcast broadcast presence presence presence
  presence phx_leave access_token msc_since heartbeat other __proto__`.split(/\s+/)

const text = (value: string): string => JSON.stringify(value)

function payloadOf(choose: Choose, event: string, words: Vocabulary): string {
  // Now and then something that has nothing to do with the event.
  if (choose.once(6)) return hostileJson(choose)
  switch (event) {
    case 'phx_join':
      return joinPayload(choose, words)
    case 'broadcast':
      return `{"type":"broadcast","event":${nameOf(choose)},"payload":${hostileJson(choose)}}`
    case 'presence':
      return `{"type":"presence","event":${choose.of(['"track"', '"track"', '"untrack"', '7'])},"payload":${hostileJson(choose)}}`
    case 'access_token':
      return `{"access_token":${choose.once(4) ? hostileJson(choose) : text(choose.of(words.tokens))}}`
    case 'msc_since':
      return `{"after":${choose.once(2) ? text('00000000-0000-4000-8000-000000000000:1') : hostileJson(choose)}}`
    default:
      return hostileJson(choose)
  }
}

function joinPayload(choose: Choose, { tokens, keys }: Vocabulary): string {
  const flag = (): string => choose.of(['true', 'false', 'null', '"yes"'])
  const presence = choose.once(8) ? hostileJson(choose) : `{"enabled":${flag()},"key":${text(choose.of(keys))}}`
  const broadcast = `{"ack":${flag()},"self":${flag()}${choose.once(8) ? `,"replay":${hostileJson(choose)}` : ''}}`
  const changes = choose.once(8) ? hostileJson(choose) : '[]'
  const token = choose.once(3) ? `,"access_token":${text(choose.of(tokens))}` : ''
  return `{"config":{"private":${flag()},"presence":${presence},"broadcast":${broadcast},"postgres_changes":${changes}}${token}}`
}

const nameOf = (choose: Choose): string =>
  text(choose.of(['e', 'note', '', '__proto__', 'å'.repeat(127), 'å'.repeat(128), 'x'.repeat(255), 'x'.repeat(256)]))

/** A frame as text, of either version, seldom a broken one. */
export function hostileFrame(choose: Choose, words: Vocabulary): string {
  const event = choose.of(EVENTS)
  const topic = text(event === 'heartbeat' ? 'phoenix' : choose.of(words.topics))
  const ref = choose.once(15) ? choose.of(['null', '7', '{}']) : text(`f${choose.below(1000)}`)
  const payload = payloadOf(choose, event, words)
  const frame = choose.once(2)
    ? `[null,${ref},${topic},${text(event)},${payload}]`
    : `{"topic":${topic},"event":${text(event)},"payload":${payload},"ref":${ref}}`
  return choose.once(20) ? mutated(choose, frame) : frame
}

/** A binary push, whose lengths may be wrong and whose text may be none. */
export function hostilePush(choose: Choose, words: Vocabulary): Uint8Array {
  const fields = [choose.of(['', '1']), choose.of(['', '2']), choose.of(words.topics), choose.of(['e', '', 'é']), '']
  if (choose.once(4)) fields[4] = hostileJson(choose)
  const parts = fields.map((field) => Buffer.from(field).subarray(0, 255))
  const lengths = parts.map(({ length }) => (choose.once(50) ? choose.below(256) : length))
  const payload = choose.once(3) ? Buffer.from([choose.below(256), 0xff, 0xc0]) : Buffer.from(hostileJson(choose))
  return Buffer.concat([Buffer.from([choose.once(20) ? 4 : 3, ...lengths, choose.below(3)]), ...parts, payload])
}

/** The body of a REST broadcast. */
export function hostileBody(choose: Choose, words: Vocabulary): string {
  if (choose.once(5)) return hostileJson(choose)
  const messages = Array.from({ length: choose.below(8) }, () => {
    const isPrivate = choose.of(['true', 'false', '1'])
    const topic = text(choose.of(words.topics).replace('realtime:', ''))
    return `{"topic":${topic},"event":${nameOf(choose)},"payload":${hostileJson(choose)},"private":${isPrivate}}`
  })
  const body = `{"messages":[${messages.join(',')}]}`
  return choose.once(10) ? mutated(choose, body) : body
}
