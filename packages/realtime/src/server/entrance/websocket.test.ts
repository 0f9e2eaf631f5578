import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocket, WebSocketServer } from 'ws'
import { afterEach, expect, it } from 'vitest'
import { WebSocketTransport } from './websocket.ts'

const closing: (() => unknown)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

async function pair(): Promise<{ readonly transport: WebSocketTransport; readonly client: WebSocket }> {
  const http = createServer()
  const server = new WebSocketServer({ server: http, perMessageDeflate: false })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const client = new WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}`)
  const [socket] = (await once(server, 'connection')) as [WebSocket]
  await once(client, 'open')
  closing.push(
    () => client.terminate(),
    () => server.close(),
    () => http.close(),
  )
  return { transport: new WebSocketTransport(socket, '2.0.0'), client }
}

// The lengths at which the header of a frame is another one (RFC 6455, 5.2), and characters of several bytes, one of them half.
it.each([0, 1, 125, 126, 127, 65_535, 65_536, 200_000])(
  'a frame of %d bytes arrives as it was sent, once',
  async (length) => {
    const { transport, client } = await pair()
    const heard: (readonly [Buffer, boolean])[] = []
    client.on('message', (data: Buffer, isBinary) => heard.push([Buffer.from(data), isBinary]))
    const text = 'x'.repeat(length)
    const bytes = new Uint8Array(length).fill(7)
    for (const data of [text, bytes, text, `é€😀\ud800${text}`]) transport.send(data)
    transport.ping()
    await once(client, 'ping')
    expect(heard.map(([data, isBinary]) => (isBinary ? new Uint8Array(data) : data.toString('utf8')))).toEqual([
      text,
      bytes,
      text,
      `é€😀\ufffd${text}`,
    ])
  },
)

it('what is sent is counted as waiting until the network takes it', async () => {
  const { transport, client } = await pair()
  client.pause()
  expect(transport.buffered()).toBe(0)
  const data = 'x'.repeat(1024 * 1024)
  for (let sent = 0; sent < 32; sent++) transport.send(data)
  expect(transport.buffered()).toBeGreaterThan(16 * 1024 * 1024)
})
