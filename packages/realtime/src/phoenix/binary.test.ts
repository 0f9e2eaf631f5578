import { DriverError } from '@msc/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromText, toText } from '../server/http/bytes.ts'
import { decodeBroadcast, encodePush, withBytes, type Push } from './binary.ts'
import { formatBinaryBroadcast, parsePush } from '../server/wire/binary.ts'
import { parseFrame, type Frame } from './frames.ts'

const name = fc.string({ unit: 'grapheme', maxLength: 40 }).filter((text) => Buffer.byteLength(text) <= 255)
const bytes = fc.uint8Array({ maxLength: 300 })

describe('bytes', () => {
  it('arrive at the server as they were sent, in both forms', () => {
    fc.assert(
      fc.property(name, name, name, name, bytes, (joinRef, ref, topic, event, payload) => {
        const push: Push = { joinRef, ref, topic, event: 'broadcast', payload: { event, payload } }
        const expected = {
          joinRef: joinRef || null,
          ref: ref || null,
          topic,
          event: 'broadcast',
          payload: { type: 'broadcast', event, payload },
        }
        expect(parsePush(encodePush({ DriverError }, push) as Uint8Array)).toEqual(expected)
        expect(parsePush(fromText(encodePush({ DriverError }, push, true) as string) as Uint8Array)).toEqual(expected)
      }),
    )
  })

  it('arrive at the client as the server sends them, in both forms', () => {
    fc.assert(
      fc.property(name, name, bytes, (topic, event, payload) => {
        const frame = formatBinaryBroadcast(topic, event, payload)
        const expected = {
          joinRef: null,
          ref: null,
          topic,
          event: 'broadcast',
          payload: { type: 'broadcast', event, payload },
        }
        expect(decodeBroadcast(frame.buffer as ArrayBuffer)).toEqual(expected)
        expect(withBytes(parseFrame(toText(frame)) as Frame)).toEqual(expected)
      }),
    )
  })

  it('of any length survive as text', () => {
    const payload = new Uint8Array(100_000).map((_, index) => index * 7)
    const push: Push = { joinRef: '1', ref: '2', topic: 't', event: 'broadcast', payload: { event: 'e', payload } }
    const frame = parsePush(fromText(encodePush({ DriverError }, push, true) as string) as Uint8Array)
    expect(frame?.payload).toMatchObject({ payload })
  })

  it.each([
    ['topic', 'x'.repeat(256), 'e'],
    ['event', 't', 'é'.repeat(128)],
  ])('with a %s whose length can not be written are refused', (_what, topic, event) => {
    const push: Push = {
      joinRef: '1',
      ref: '2',
      topic,
      event: 'broadcast',
      payload: { event, payload: new Uint8Array() },
    }
    expect(() => encodePush({ DriverError }, push)).toThrow(
      expect.objectContaining({ code: 'REALTIME_PAYLOAD_INVALID', retryable: false }),
    )
  })

  it('that are none are no frame, whatever was sent', () => {
    fc.assert(
      fc.property(bytes, (data) => {
        const frame = decodeBroadcast(data)
        if (frame) expect(data[0]).toBe(4)
      }),
    )
    expect(decodeBroadcast(new Uint8Array([4, 200, 0, 0, 0]))).toBeUndefined()
    const frame: Frame = { joinRef: null, ref: null, topic: 't', event: 'broadcast', payload: { msc_base64: '%' } }
    expect(withBytes(frame)).toBeUndefined()
  })

  it('are looked for in nothing else: other frames of text go on as they are', () => {
    for (const line of [
      'no JSON "msc_base64"',
      '[null,"1","realtime:r","broadcast",{"type":"broadcast","event":"e","payload":{"msc_base64":"AA=="}}]',
      '[null,"1","realtime:r","presence",{"msc_base64":"AA=="}]',
      `${'['.repeat(5000)}"msc_base64"`,
    ]) {
      expect(fromText(line)).toBe(line)
    }
  })
})
