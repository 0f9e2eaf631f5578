import { WebSocket } from 'ws'
import { deferred } from '../base/promises.ts'

interface Reply {
  readonly status: string
  readonly response: {
    readonly reason?: string
    readonly msc?: Readonly<Record<string, unknown>>
  }
  /** Of a refusal. */
  readonly msc?: Readonly<Record<string, unknown>>
}

/** A WebSocket that speaks the protocol frame by frame, as no driver would. */
export interface RawSocket {
  readonly socket: WebSocket
  /** Sends a frame and resolves with the reply to it. */
  ask(topic: string, event: string, payload?: unknown): Promise<Reply>
  /** Sends a frame without waiting. */
  say(topic: string, event: string, payload?: unknown): void
  /** Everything that came, but for replies: topic, event and payload. */
  readonly heard: readonly (readonly [topic: string, event: string, payload: unknown])[]
  /** Resolves with the code and the reason of its end. */
  readonly ended: Promise<readonly [code: number, reason: string]>
}

/** @throws Error with the status, the header fields and the body of the answer to an upgrade that was refused. */
export async function openRaw(origin: string, token: string, headers: Record<string, string> = {}): Promise<RawSocket> {
  const url = `${origin.replace('http', 'ws')}/realtime/v1/websocket?apikey=${token}&vsn=2.0.0`
  const socket = new WebSocket(url, { headers })
  const replies = new Map<string, (reply: Reply) => void>()
  const heard: (readonly [string, string, unknown])[] = []
  let ref = 0
  socket.on('message', (data, isBinary) => {
    if (isBinary) return
    const [, own, topic, event, payload] = JSON.parse(String(data)) as [null, string, string, string, unknown]
    if (event === 'phx_reply') {
      replies.get(own)?.(payload as Reply)
      replies.delete(own)
    } else heard.push([topic, event, payload])
  })
  const ended = new Promise<readonly [number, string]>((resolve) => {
    socket.once('close', (code, reason) => resolve([code, String(reason)]))
  })
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('unexpected-response', (_request, response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        const body = Buffer.concat(chunks).toString()
        reject(Object.assign(new Error(`${response.statusCode} ${body}`), { headers: response.headers }))
      })
    })
    socket.on('error', () => undefined)
  })
  const say = (topic: string, event: string, payload: unknown = {}): string => {
    const own = String(++ref)
    socket.send(JSON.stringify([null, own, topic, event, payload]))
    return own
  }
  return {
    socket,
    heard,
    ended,
    say: (topic, event, payload) => void say(topic, event, payload),
    ask: (topic, event, payload) => {
      const answered = deferred<Reply>()
      replies.set(say(topic, event, payload), answered.resolve)
      return answered.promise
    },
  }
}
