import { frameOf, type Frame } from '../../phoenix/frames.ts'
import type { RefusalCode } from '../session/refusal.ts'
import { headOfPush, parsePush } from './binary.ts'
import { isTooDeep, MAX_DEPTH, parseBounded } from './depth.ts'
import { markNumbers, type SentFrame } from './exact.ts'
import { headOfText, type FrameHead } from './frame-head.ts'

export type Incoming =
  | { readonly frame: SentFrame }
  | {
      readonly frame?: never
      readonly code: RefusalCode
      readonly text: string
      /** To whom an answer goes, where that can be told. */
      readonly head: FrameHead | undefined
    }

/** Reads what a client sent. What is larger than `most` bytes is not parsed. Never throws. */
export function parseIncoming(data: string | Uint8Array, bytes: number, most: number): Incoming {
  if (bytes > most) {
    return { code: 'PAYLOAD_TOO_LARGE', text: `A message has at most ${most} bytes`, head: headOf(data) }
  }
  try {
    const frame = typeof data === 'string' ? sentFrame(data) : parsePush(data)
    return frame ? { frame } : invalid(data)
  } catch (error) {
    if (!isTooDeep(error)) return invalid(data)
    return { code: 'PAYLOAD_TOO_DEEP', text: `JSON has at most ${MAX_DEPTH} levels`, head: headOf(data) }
  }
}

function sentFrame(text: string): SentFrame | undefined {
  const frame = frameOf(parseBounded(text))
  const marked = frame && markNumbers(text)
  return marked === undefined ? frame : { ...(frame as Frame), marked: frameOf(JSON.parse(marked))?.payload }
}

const invalid = (data: string | Uint8Array): Incoming => ({
  code: 'PAYLOAD_INVALID',
  text: 'Not a frame',
  head: headOf(data),
})

const headOf = (data: string | Uint8Array): FrameHead | undefined =>
  typeof data === 'string' ? headOfText(data) : headOfPush(data)
