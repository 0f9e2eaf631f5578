import { WebSocket } from 'ws'
import type { Choose } from './choose.ts'
import { hostileBody, hostileFrame, hostilePush, type Vocabulary } from './hostile-frames.ts'

interface Door {
  readonly origin: string
  readonly token: string
  /** A new one for each connection: nobody is to be kept out for what another did. */
  address(): string
}

/** Somebody who sends what nobody should, by one way. */
export interface Fuzzer {
  /** Sends some, waits until the server has looked at them, and returns how many they were. */
  round(): Promise<number>
  close(): void
}

/** What one fuzzer knows. */
export interface FuzzerOptions {
  readonly choose: Choose
  readonly words: Vocabulary
  readonly door: Door
  /** Milliseconds for the server's answer to a sign of life. */
  readonly patienceMs: number
}

const FRAMES = 100

/** @throws Error when the server does not answer a heartbeat, on a connection that it has not ended. */
export function socketFuzzer(options: FuzzerOptions, version: '1.0.0' | '2.0.0'): Fuzzer {
  const { choose, words, door, patienceMs } = options
  let socket: WebSocket | undefined
  let ref = 0
  const connect = async (): Promise<WebSocket | undefined> => {
    if (socket?.readyState === WebSocket.OPEN) return socket
    const url = `${door.origin.replace('http', 'ws')}/realtime/v1/websocket?apikey=${door.token}&vsn=${version}`
    const opening = new WebSocket(url, { headers: { 'x-address': door.address() } })
    opening.on('error', () => undefined)
    await new Promise<void>((resolve) => {
      opening.once('open', resolve)
      opening.once('close', () => resolve())
    })
    // Refused at the door, which is an answer too.
    socket = opening.readyState === WebSocket.OPEN ? opening : undefined
    return socket
  }
  return {
    async round() {
      const live = await connect()
      if (!live) return 1
      for (let sent = 0; sent < FRAMES; sent++) {
        if (choose.once(4)) live.send(hostilePush(choose, words))
        else if (choose.once(2000)) live.send(Buffer.from([0xc3, 0x28]), { binary: false })
        else live.send(hostileFrame(choose, words))
      }
      const own = `beat${++ref}`
      const frame =
        version === '2.0.0'
          ? [null, own, 'phoenix', 'heartbeat', {}]
          : { topic: 'phoenix', event: 'heartbeat', payload: {}, ref: own }
      live.send(JSON.stringify(frame))
      await answered(live, own, patienceMs)
      return FRAMES + 1
    },
    close: () => socket?.terminate(),
  }
}

/** Resolves with the answer to a heartbeat, or the end of the connection. */
function answered(socket: WebSocket, ref: string, withinMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (error?: Error): void => {
      clearTimeout(timer)
      socket.off('message', listen)
      socket.off('close', ended)
      if (error) reject(error)
      else resolve()
    }
    const listen = (data: Buffer, isBinary: boolean): void => {
      if (!isBinary && data.includes(`"${ref}"`)) done()
    }
    const ended = (): void => done()
    const timer = setTimeout(() => done(new Error(`No answer to a heartbeat in ${withinMs} ms`)), withinMs)
    socket.on('message', listen)
    socket.on('close', ended)
    if (socket.readyState !== WebSocket.OPEN) done()
  })
}

/** Frames over an event stream: lines of a POST. */
export function streamFuzzer({ choose, words, door }: FuzzerOptions): Fuzzer {
  let ending: AbortController | undefined
  let session: string | undefined
  let address = ''
  const headers = (): Record<string, string> => ({ authorization: `Bearer ${door.token}`, 'x-address': address })
  const open = async (): Promise<void> => {
    ending?.abort()
    ending = new AbortController()
    address = door.address()
    const response = await fetch(`${door.origin}/realtime/v1/events`, { headers: headers(), signal: ending.signal })
    const reader = response.body?.getReader()
    const first = new TextDecoder().decode((await reader?.read())?.value)
    session = /"session":"(\w+)"/.exec(first)?.[1]
    const drain = async (): Promise<void> => {
      while (!(await reader?.read())?.done);
    }
    drain().catch(() => undefined)
  }
  return {
    async round() {
      if (session === undefined) await open()
      const lines: string[] = []
      for (let bytes = 0; lines.length < FRAMES && bytes < 40_000; bytes += lines.at(-1)?.length ?? 0) {
        lines.push(hostileFrame(choose, words))
      }
      const url = `${door.origin}/realtime/v1/events/${session ?? 'none'}`
      const response = await fetch(url, { method: 'POST', headers: headers(), body: lines.join('\n') })
      await response.body?.cancel()
      // Ended, or out of what its address may do.
      if (response.status === 410 || response.status === 429) session = undefined
      if (response.status >= 500) throw new Error(`A stream's frames were answered ${response.status}`)
      return lines.length
    },
    close: () => ending?.abort(),
  }
}

/** REST broadcasts. */
export function restFuzzer({ choose, words, door }: FuzzerOptions): Fuzzer {
  return {
    async round() {
      const one = choose.once(3)
      const path = one
        ? `/${encodeURIComponent(choose.of(words.topics).slice(0, 200).replace(/^$/, 'x'))}/events/e`
        : ''
      const response = await fetch(`${door.origin}/realtime/v1/api/broadcast${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${choose.of([door.token, ...words.tokens])}`, 'x-address': door.address() },
        body: hostileBody(choose, words),
      })
      await response.body?.cancel()
      if (response.status >= 500) throw new Error(`A broadcast was answered ${response.status}`)
      return 1
    },
    close() {},
  }
}
