import { DriverError, toError } from '@msc/core'
import type * as Binary from './binary.ts'
import { parseTextFrame, type Frame } from './frames.ts'

/** The part of the browser's WebSocket that is used; `ws` has it too. */
export interface Socket {
  readonly readyState: number
  binaryType?: string
  send(data: string | Uint8Array<ArrayBuffer>): void
  close(code?: number): void
  addEventListener(
    type: 'open' | 'close' | 'error' | 'message',
    listener: (event: { readonly data?: unknown; readonly code?: unknown; readonly reason?: unknown }) => void,
  ): void
}

export interface WireHandlers {
  onFrame(frame: Frame): void
  /** The frame with this reference can't be written. */
  onUnwritable(ref: string | null, error: Error): void
  /** The code for bytes can't be loaded, or too much waits for it. */
  onFail(): void
}

/** Frames on a socket, in their order. */
export interface Wire {
  /** @throws What JSON does, for what it can't say. */
  send(frame: Frame): void
  /** The socket is open: what waited is sent. */
  flush(): void
  receive(data: unknown): void
}

/** Frames that wait, for the connection or for the code that writes and reads bytes. */
const MAX_WAITING = 1000

/** Writes and reads frames. The code for bytes is loaded with the first: most pages send and hear none. */
export function createWire(socket: Socket, asText: boolean | undefined, handlers: WireHandlers): Wire {
  const { onFrame, onUnwritable, onFail } = handlers
  let waiting: (string | Binary.Push)[] | undefined = []
  let held: unknown[] | undefined
  let binary: typeof Binary | undefined

  const withBinary = async (use: () => void): Promise<void> => {
    try {
      binary = await import('./binary.ts')
      use()
    } catch {
      onFail()
    }
  }
  const write = (data: string | Binary.Push): void => {
    if (waiting) {
      if (waiting.push(data) > MAX_WAITING) onFail()
    } else if (typeof data === 'string') socket.send(data)
    else if (binary) socket.send(binary.encodePush({ DriverError }, data, asText))
    else {
      // Nothing may overtake it.
      waiting = [data]
      void withBinary(flush)
    }
  }
  const flush = (): void => {
    const all = waiting ?? []
    waiting = undefined
    for (const data of all) {
      try {
        write(data)
      } catch (error) {
        onUnwritable((data as Binary.Push).ref, toError(error))
      }
    }
  }
  const receive = (data: unknown): void => {
    if (held) {
      if (held.push(data) > MAX_WAITING) onFail()
      return
    }
    let frame = typeof data === 'string' ? parseTextFrame(data) : undefined
    const hasBytes = frame
      ? (frame.payload as { msc_base64?: unknown }).msc_base64 !== undefined
      : typeof data !== 'string'
    if (hasBytes) {
      if (!binary) {
        held = [data]
        return void withBinary(() => {
          const all = held ?? []
          held = undefined
          for (const each of all) receive(each)
        })
      }
      frame = frame ? binary.withBytes(frame) : binary.decodeBroadcast(data as ArrayBuffer)
    }
    if (frame) onFrame(frame)
  }
  return {
    send(frame) {
      const { joinRef, ref, topic, event, payload } = frame
      const isBytes = (payload as { payload?: unknown }).payload instanceof Uint8Array && event === 'broadcast'
      write(isBytes ? (frame as Binary.Push) : JSON.stringify([joinRef, ref, topic, event, payload]))
    },
    flush,
    receive,
  }
}
