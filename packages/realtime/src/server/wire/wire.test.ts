import { ValidationError } from '@msc/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { unstamped } from '../../base/stamp.ts'
import { formatFrame, parseFrame } from '../../phoenix/frames.ts'
import { fitsName } from '../../base/name.ts'
import { formatBinaryBroadcast } from './binary.ts'
import { format, formatBroadcast } from './format.ts'
import { headOfText } from './frame-head.ts'
import { parseIncoming } from './parse-incoming.ts'
import { unstampedText } from './stamp-text.ts'

const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels)
const push = (fields: readonly string[], encoding: number, payload: string): Uint8Array => {
  const parts = [...fields, ''].slice(0, 5).map((field) => Buffer.from(field))
  return Buffer.concat([
    Buffer.from([3, ...parts.map(({ length }) => length), encoding]),
    ...parts,
    Buffer.from(payload),
  ])
}
const parse = (data: string | Uint8Array, most = 100_000): ReturnType<typeof parseIncoming> =>
  parseIncoming(data, typeof data === 'string' ? Buffer.byteLength(data) : data.length, most)

describe('what a client sent', () => {
  const head = { joinRef: '1', ref: '2', topic: 'realtime:x', event: 'broadcast' }
  it.each<[string, string | Uint8Array]>([
    ['version 2', `["1","2","realtime:x","broadcast",${nested(8000)}]`],
    ['version 1', `{"topic":"realtime:x","event":"broadcast","payload":${nested(8000)},"ref":"2","join_ref":"1"}`],
    ['a push', push(['1', '2', 'realtime:x', 'e'], 1, nested(8000))],
    ['the meta of a push', push(['1', '2', 'realtime:x', 'e', nested(100)], 1, '{}')],
  ])('is not parsed when it is nested too deeply, and whose it is is told: %s', (_what, data) => {
    expect(parse(data)).toEqual({ code: 'PAYLOAD_TOO_DEEP', text: 'JSON has at most 64 levels', head })
  })

  it.each<[string, string | Uint8Array]>([
    ['version 2', formatFrame({ ...head, payload: { text: 'x'.repeat(5000) } }, '2.0.0')],
    ['version 1', formatFrame({ ...head, payload: { text: '"ref":"9"}'.repeat(500) } }, '1.0.0')],
    ['a push of bytes', push(['1', '2', 'realtime:x', 'e'], 0, 'x'.repeat(5000))],
  ])('is not parsed when it is too large, and whose it is is told: %s', (_what, data) => {
    expect(parse(data, 4000)).toMatchObject({ code: 'PAYLOAD_TOO_LARGE', head })
  })

  it('takes 64 levels, and so does everything that is done with them', () => {
    const { frame } = parse(`[null,null,"realtime:x","broadcast",{"event":"e","payload":${nested(62)}}]`)
    expect(JSON.stringify(frame)).toContain(nested(62))
  })

  it('is a frame or a refusal, never an exception, whatever it is', () => {
    const bytes = fc.uint8Array({ maxLength: 80 }).map((rest) => new Uint8Array([3, ...rest]))
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), fc.uint8Array(), bytes), fc.nat(100), (data, most) => {
        const { frame, ...refused } = parse(data, most)
        if (frame) expect([typeof frame.topic, typeof frame.event]).toEqual(['string', 'string'])
        else expect(refused).toMatchObject({ code: expect.stringMatching(/^PAYLOAD_/) })
      }),
    )
  })

  it('has the same head as the frame that was written', () => {
    const ref = fc.option(fc.string({ maxLength: 20 }))
    fc.assert(
      fc.property(ref, ref, fc.string(), fc.string(), fc.jsonValue(), (joinRef, own, topic, event, payload) => {
        const two = { joinRef, ref: own, topic, event }
        expect(headOfText(formatFrame({ ...two, payload }, '2.0.0'))).toEqual(two)
        // Version 1 without a reference has nothing to be answered by.
        const one = headOfText(formatFrame({ ...two, payload }, '1.0.0'))
        expect(one).toMatchObject(own === null ? { topic, event } : two)
      }),
    )
  })
})

describe('a broadcast as text', () => {
  const events = (payload: object, event = 'e', topic = 'feed:t:a'): string =>
    formatBroadcast(topic, event, JSON.stringify(payload), undefined, 'events')

  it('reads as it was written, in every version', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.jsonValue(), fc.option(fc.string()), (topic, event, payload, id) => {
        const text = JSON.stringify(payload)
        for (const version of ['1.0.0', '2.0.0'] as const) {
          const frame = parseFrame(formatBroadcast(topic, event, text, id ?? undefined, version))
          expect(frame).toEqual({
            joinRef: null,
            ref: null,
            topic: `realtime:${topic}`,
            event: 'broadcast',
            payload: { type: 'broadcast', event, payload: JSON.parse(text), ...(id !== null && { meta: { id } }) },
          })
        }
      }),
    )
  })

  it('loses its stamp, and nothing else', () => {
    const stamp = fc.record({ id: fc.string(), cursor: fc.jsonValue() })
    const payload = fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('_msc', '"_msc"', 'a,b', '}')), fc.jsonValue())
    fc.assert(
      fc.property(payload, payload, fc.option(stamp), (before, after, own) => {
        const value = { ...before, ...(own && { _msc: own }), ...after }
        // As it travels, where -0 is 0.
        const whole = JSON.parse(JSON.stringify(value)) as Record<string, unknown>
        // As this process writes it, and with spaces, as a database does.
        for (const space of [0, 1]) {
          const { text } = unstampedText(JSON.stringify(whole, undefined, space))
          expect(JSON.parse(text)).toEqual(unstamped(whole).payload)
        }
      }),
    )
  })

  it('may be nested more deeply than this process can write', () => {
    const row = nested(100_000)
    const { text, stamp } = unstampedText(`{"record":${row},"_msc":{"id":"i1"}}`)
    expect([text, stamp]).toEqual([`{"record":${row}}`, { id: 'i1' }])
  })

  it('adds no field and no message to an event stream, whatever its stamp says', () => {
    const body = (payload: string): string => `data: {"topic":"feed:t:a","event":"e","payload":${payload}}\n\n`
    // What the stream itself has to know is one line of JSON, which does not go out.
    expect(events({ n: 1, _msc: { id: 'i1', cursor: 'e:7' } })).toBe(
      `{"topic":"feed:t:a","cursor":"e:7"}\n${body('{"n":1}')}`,
    )
    const forged = events({ _msc: { id: 'a\ndata: forged\n\n', cursor: 'b\n\ndata: forged' } })
    expect(forged.slice(forged.indexOf('\n') + 1)).toBe(body('{}'))
    expect(events({ _msc: 'text' })).toBe(`{"topic":"feed:t:a"}\n${body('{}')}`)
    expect(events({ _msc: { more: true } })).toBe(`{"topic":"feed:t:a","more":true}\n${body('{}')}`)
    // In any other topic whoever sends can write one.
    const own = events({ _msc: { cursor: 'e:7', more: true } }, 'e', 'room:1')
    expect(own.slice(0, own.indexOf('\n'))).toBe('{"topic":"room:1"}')
  })
})

describe('a broadcast of bytes', () => {
  it('is refused when a name is longer than its length can be said, or none, and never wraps', () => {
    fc.assert(
      fc.property(
        fc.string({ maxLength: 300, unit: 'binary' }),
        fc.string({ maxLength: 300, unit: 'binary' }),
        (topic, event) => {
          const write = (): Uint8Array => formatBinaryBroadcast(topic, event, new Uint8Array([9]))
          if (!fitsName(topic) || !fitsName(event)) {
            expect(write).toThrow(ValidationError)
            return
          }
          const [kind, topicLength, eventLength] = write()
          expect([kind, topicLength, eventLength]).toEqual([4, Buffer.byteLength(topic), Buffer.byteLength(event)])
        },
      ),
    )
    expect(() => formatBinaryBroadcast('t', 'å'.repeat(128), new Uint8Array())).toThrow('255 bytes')
    expect(formatBinaryBroadcast('t', 'e'.repeat(255), new Uint8Array())[2]).toBe(255)
  })
})

it('tells plain event streams of an end and of a gap, and of nothing else of the protocol', () => {
  const written = (event: string): string =>
    format({ joinRef: null, ref: null, topic: 'realtime:t', event, payload: {} }, 'events')
  expect(written('phx_close')).toBe('{"closed":"t"}\nevent: closed\ndata: {"topic":"t"}\n\n')
  expect(written('phx_error')).toBe('{"topic":"t","more":true}\nevent: gap\ndata: {"topic":"t"}\n\n')
  expect([written('system'), written('constructor')]).toEqual(['', ''])
})
