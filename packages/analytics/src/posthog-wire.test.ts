import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodePostHogBody } from './wire.ts'

describe('the wire decoder', () => {
  it('throws an Error, and nothing worse, for garbage', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (body) => {
        try {
          expect(decodePostHogBody(body).events).toBeInstanceOf(Array)
        } catch (error) {
          expect(error).toBeInstanceOf(Error)
        }
      }),
    )
  })
  it('reads the beacon format', () => {
    const data = Buffer.from(JSON.stringify({ event: 'e', properties: { token: 't', distinct_id: 'd' } })).toString(
      'base64',
    )
    const body = new TextEncoder().encode(`data=${encodeURIComponent(data)}`)
    expect(decodePostHogBody(body)).toMatchObject({ apiKey: 't', events: [{ event: 'e', distinctId: 'd' }] })
  })
})
