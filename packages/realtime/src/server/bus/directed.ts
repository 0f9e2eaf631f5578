import { isRecord, sleep, type CancelTimer } from '@msc/core'
import type { Signing } from '../../bus/signing.ts'
import type { Runtime } from '../runtime.ts'
import { cut, Pieces } from './pieces.ts'

type Fields = Readonly<Record<string, unknown>>

/** `gone`: there is no such server any more. `unavailable`: no answer came, and the question may have been acted on. */
type DirectedAnswer = { readonly answer: Fields } | 'gone' | 'unavailable'

/** Questions from one server to one other, of which nobody else can read more than that there are some. */
export interface Directed {
  /** Of this server. */
  readonly id: string
  /** Never rejects. */
  ask(to: string, question: Fields, timeoutMs: number): Promise<DirectedAnswer>
  /** How this server answers. Whoever asks gets no answer when it rejects. */
  serve(answer: (question: Fields) => Promise<Fields>): void
}

export interface DirectedLink extends Directed {
  /** A message of another server, of these kinds. */
  take(peer: string, message: Fields): void
  /** What was asked of this server, or of all, and not answered yet will not be. */
  fail(how: 'gone' | 'unavailable', peer?: string): void
  close(): void
}

interface DirectedPorts {
  readonly id: string
  readonly signing: Signing
  readonly runtime: Runtime
  /** False when it can't be sent now. */
  send(message: string): boolean
  /** Whether it is there; `undefined` while that is not known. */
  isThere(peer: string): boolean | undefined
}

interface Pending {
  readonly to: string
  readonly cancel: CancelTimer
  readonly pieces: Pieces
  settle(answer: DirectedAnswer): void
}

/** Questions that wait for their answers, and those that are being answered. */
const MAX_PENDING = 10_000
/** Milliseconds between two attempts to send the next piece of an answer, and how many there are. */
const PACE_MS = 50
const MAX_TRIES = 100
/** Milliseconds for a server that was not heard yet. */
const UNKNOWN_MS = 3000

export function createDirected({ id, signing, runtime, send, isThere }: DirectedPorts): DirectedLink {
  const pending = new Map<number, Pending>()
  let number = 0
  let answering = 0
  const ended = new AbortController()
  let answer: ((question: Fields) => Promise<Fields>) | undefined

  const tell = (kind: string, to: string, content: Fields): boolean =>
    send(JSON.stringify({ kind, to, sealed: signing.seal(JSON.stringify(content)) }))
  /** What is large goes at the bus's pace. */
  const tellPiece = async (to: string, piece: Fields): Promise<boolean> => {
    for (let tries = 0; tries < MAX_TRIES && !ended.signal.aborted; tries++) {
      if (tell('answer', to, piece)) return true
      await sleep(PACE_MS, { clock: runtime.clock, signal: ended.signal }).catch(() => undefined)
    }
    return false
  }
  const reply = async (peer: string, { re, question, takesPieces }: Fields): Promise<void> => {
    if (!answer || !isRecord(question) || answering >= MAX_PENDING) return
    answering += 1
    try {
      const answered = await answer(question)
      const pieces = takesPieces === true ? cut(JSON.stringify(answered)) : []
      // Whole where it can be: servers of earlier versions know nothing else.
      if (pieces.length <= 1) return void tell('answer', peer, { re, answer: answered })
      for (const [nth, piece] of pieces.entries()) {
        if (!(await tellPiece(peer, { re, nth, of: pieces.length, piece }))) return
      }
    } catch (error) {
      runtime.report(error, 'answer another server')
    } finally {
      answering -= 1
    }
  }
  const contentOf = ({ sealed }: Fields): Fields | undefined => {
    const text = typeof sealed === 'string' ? signing.open(sealed) : undefined
    const content: unknown = text === undefined ? undefined : JSON.parse(text)
    return isRecord(content) ? content : undefined
  }

  return {
    id,
    serve(given) {
      answer = given
    },
    ask(to, question, timeoutMs) {
      const known = isThere(to)
      if (known === false) return Promise.resolve('gone')
      if (pending.size >= MAX_PENDING) return Promise.resolve('unavailable')
      number += 1
      const re = number
      return new Promise((resolve) => {
        const settle = (result: DirectedAnswer): void => {
          pending.get(re)?.cancel()
          pending.delete(re)
          resolve(result)
        }
        const within = known ? timeoutMs : Math.min(timeoutMs, UNKNOWN_MS)
        const pieces = new Pieces()
        pending.set(re, { to, settle, pieces, cancel: runtime.clock.setTimeout(() => settle('unavailable'), within) })
        if (!tell('question', to, { re, question, takesPieces: true })) settle('unavailable')
      })
    },
    take(peer, message) {
      if (message['to'] !== id) return
      const content = contentOf(message)
      if (!content) return
      if (message['kind'] === 'question') return void reply(peer, content)
      const waiting = pending.get(Number(content['re']))
      // Only who was asked answers.
      if (waiting?.to !== peer) return
      const answered = content['answer'] ?? joined(waiting.pieces.add(content))
      if (isRecord(answered)) waiting.settle({ answer: answered })
    },
    fail(how, peer) {
      for (const { to, settle } of pending.values()) if (peer === undefined || to === peer) settle(how)
    },
    close() {
      ended.abort()
      for (const { settle } of pending.values()) settle('unavailable')
    },
  }
}

const joined = (text: string | undefined): unknown => (text === undefined ? undefined : JSON.parse(text))
