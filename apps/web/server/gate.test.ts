import { EventEmitter } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createManualClock } from '@msc/core/testing'
import { stampClientAddress } from '@msc/platform'
import { describe, expect, it } from 'vitest'
import { frontGate } from './gate.ts'

/** Makes a request and a response with the parts that the gate reads. */
function call(url: string, remoteAddress: string): [IncomingMessage, ServerResponse] {
  const socket = { remoteAddress, bytesRead: 0, bytesWritten: 0 }
  const request = { url, method: 'GET', headers: {}, socket } as unknown as IncomingMessage
  stampClientAddress(request, {})
  const response = Object.assign(new EventEmitter(), {
    destroyed: false,
    statusCode: 200,
    writeHead(status: number) {
      this.statusCode = status
      return this
    },
    end: () => undefined,
  })
  return [request, response as unknown as ServerResponse]
}

describe('the gate of the app', () => {
  it.each([
    ['/_next/static/chunks/a.js', 6000],
    ['/icon.svg', 6000],
    ['/api/msc/browser', 600],
    ['/api/inngest', 3000],
    ['/devtools/errors', 300],
    ['/realtime/v1/health', 1200],
    ['/rest/v1/rpc/msc_feed_since', 1200],
    ['/', 1200],
    ['/sign-in', 1200],
    ['/anything/else', 1200],
    ['/%64evtools', 300],
  ])('lets one address ask for %s %i times a minute, and others too', async (path, calls) => {
    const clock = createManualClock()
    const gate = frontGate({ clock })
    const admitted = async (address: string): Promise<boolean> => gate.admit(...call(path, address))
    let count = 0
    while (count <= calls && (await admitted('203.0.113.1'))) count += 1
    expect(count).toBe(calls)
    expect(await admitted('203.0.113.2')).toBe(true)
    await clock.advance(60_000)
    expect(await admitted('203.0.113.1')).toBe(true)
  })

  it('lets one sign-in go on at a time, at its pace', async () => {
    const clock = createManualClock()
    const gate = frontGate({ clock })
    let admitted = 0
    for (let nth = 0; nth < 10; nth++) {
      void gate.admit(...call('/api/auth/sign-in', `203.0.113.${nth}`)).then((may) => (admitted += Number(may)))
    }
    await clock.advance(29)
    expect(admitted).toBe(1)
    await clock.advance(30 * 9)
    expect(admitted).toBe(10)
  })
})
