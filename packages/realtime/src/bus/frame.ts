import { isRecord } from '@msc/core'
import type { MessageActionName, SaidOfAction, SaidOfMessage } from '../history/types.ts'
import type { Once } from '../server/rooms/taken.ts'
import type { Signing } from './signing.ts'

/** Who sends a frame, and which one it is. */
export interface BusFrameHead {
  /** Who sent it. A process that begins anew is another one. */
  readonly from: string
  /** One more than that of the frame before; more than one where the sender had to drop something. */
  readonly number: number
  /** When it was sent, in milliseconds since the epoch. */
  readonly at: number
  /** It only publishes: it has no members, and says nothing when there is nothing to say. */
  readonly isPublisher: boolean
}

/** What one process sends at once. */
export interface BusFrame extends BusFrameHead {
  /** Each was written by another process, and is still to be checked. */
  readonly messages: readonly Readonly<Record<string, unknown>>[]
}

/** What a text on the bus is not: signed by a process of ours, or of this minute. */
export type BusRefusal = 'unsigned' | 'late'

/** A process of another version of the format is not understood. */
const VERSION = 2
/**
 * Milliseconds that the clocks of sender and receiver may be apart, a frame's journey included. Numbers tell a frame that comes
 * again to whoever heard it; who did not, as it started later or was cut off, can be told it anew for this long.
 */
const MAX_APART_MS = 60_000
/** More than any of our processes sends at once; it is not even looked at. */
const MAX_LENGTH = 16 * 1024 * 1024
const HEAD = new RegExp(`^${VERSION} ([\\w-]{43}) ([\\w-]{1,64}) (\\d{1,15}) (\\d{1,15}) ([ps])\n`)
/** Up to where the code is. */
const CODE_END = `${VERSION} `.length + 43 + 1

/** @param messages Each as JSON. */
export function formatFrame(
  { from, number, at, isPublisher }: BusFrameHead,
  messages: readonly string[],
  signing: Signing,
): string {
  const signed = `${from} ${number} ${Math.trunc(at)} ${isPublisher ? 'p' : 's'}\n[${messages.join(',')}]`
  return `${VERSION} ${signing.sign(signed)} ${signed}`
}

/**
 * @param own This process's own id: what comes back to it is `undefined`, without being read.
 * @param now In milliseconds since the epoch.
 */
export function parseFrame(
  text: string,
  { own, now, signing }: { readonly own?: string; readonly now: number; readonly signing: Signing },
): BusFrame | BusRefusal | undefined {
  if (text.length > MAX_LENGTH) return 'unsigned'
  const [head, code = '', from = '', number, at, kind] = HEAD.exec(text) ?? []
  if (head === undefined) return 'unsigned'
  // Also what is said in this process's own name.
  if (!signing.isSigned(text.slice(CODE_END), code)) return 'unsigned'
  if (from === own) return undefined
  if (Math.abs(now - Number(at)) > MAX_APART_MS) return 'late'
  return {
    from,
    number: Number(number),
    at: Number(at),
    isPublisher: kind === 'p',
    messages: messagesOf(text.slice(head.length)),
  }
}

/** When a frame says that it was sent, in milliseconds since the epoch. */
export const sentAt = (text: string): number => Number(HEAD.exec(text)?.[4])

/** Of a process of ours, so it is JSON; if it were not, its number counts all the same. */
function messagesOf(json: string): BusFrame['messages'] {
  try {
    const messages: unknown = JSON.parse(json)
    return Array.isArray(messages) ? messages.filter(isRecord) : []
  } catch {
    return []
  }
}

/** What the application publishes, as it travels between processes. */
export interface BusBroadcast {
  readonly topic: string
  readonly event: string
  readonly private: boolean
  /** JSON, or bytes. */
  readonly payload: string | Uint8Array
  readonly id?: string | undefined
  /** Of one that its account may send again, to another server. */
  readonly once?: Once | undefined
  /** What is said of it on all servers, where its topic is kept. */
  readonly meta?: SaidOfMessage | SaidOfAction | undefined
}

export function formatBroadcast({ topic, event, private: isPrivate, payload, id, once, meta }: BusBroadcast): string {
  const content = typeof payload === 'string' ? { text: payload } : { bytes: Buffer.from(payload).toString('base64') }
  const said = meta && saidOf(meta)
  return JSON.stringify({
    kind: said && 'action' in said ? 'action' : 'broadcast',
    topic,
    event,
    private: isPrivate,
    id,
    once,
    said,
    ...content,
  })
}

export function parseBroadcast(message: Readonly<Record<string, unknown>>): BusBroadcast | undefined {
  const { topic, event, private: isPrivate, text, bytes, id, once } = message
  const meta = parseSaid(message['said'])
  if (typeof topic !== 'string' || typeof event !== 'string') return undefined
  const payload = typeof bytes === 'string' ? new Uint8Array(Buffer.from(bytes, 'base64')) : text
  if (typeof payload !== 'string' && !(payload instanceof Uint8Array)) return undefined
  return {
    topic,
    event,
    private: isPrivate === true,
    payload,
    ...(typeof id === 'string' && { id }),
    ...(isOnce(once) && { once }),
    meta,
  }
}

/** Two hashes. */
const isOnce = (value: unknown): value is Once =>
  Array.isArray(value) && value.length === 2 && value.every((each) => typeof each === 'string' && each.length === 43)

/** What is the same on all servers. */
function saidOf(meta: SaidOfMessage | SaidOfAction): SaidOfMessage | SaidOfAction {
  const { id, at, by } = meta
  if (!('action' in meta)) return { id, at, by }
  const { action, target, event, version, name } = meta
  return { id, at, by, action, target, event, version, name }
}

const ACTIONS: ReadonlySet<unknown> = new Set<MessageActionName>(['update', 'delete', 'react', 'unreact'])

/** What was done to a message on another server; `undefined` for what is none of it. */
export function parseAction(
  message: Readonly<Record<string, unknown>>,
): { topic: string; private: boolean; said: SaidOfAction; value: string } | undefined {
  const { topic, private: isPrivate, text, said: raw } = message
  const said = parseSaid(raw)
  if (typeof topic !== 'string' || typeof text !== 'string' || !said) return undefined
  const { action, target, event, version, name } = raw as Readonly<Record<string, unknown>>
  if (!ACTIONS.has(action) || typeof target !== 'string' || target.length > 64 || typeof event !== 'string')
    return undefined
  if (typeof version !== 'string' || !/^0\d{15}\.[\da-f]{16}$/.test(version)) return undefined
  const isReaction = action === 'react' || action === 'unreact'
  if (isReaction && (typeof name !== 'string' || name === '' || name.length > 64)) return undefined
  return {
    topic,
    private: isPrivate === true,
    said: {
      ...said,
      action: action as MessageActionName,
      target,
      event,
      version,
      ...(isReaction && { name: name as string }),
    },
    value: isReaction ? JSON.stringify(name) : text,
  }
}

/** What another process says of a message; `undefined` for what is none of it, or longer than any is. */
function parseSaid(value: unknown): SaidOfMessage | undefined {
  if (!isRecord(value)) return undefined
  const { id, at, by } = value
  if (typeof id !== 'string' || id === '' || id.length > 64) return undefined
  if (typeof at !== 'string' || at.length > 30 || Number.isNaN(Date.parse(at))) return undefined
  return { id, at, ...(typeof by === 'string' && by !== '' && by.length <= MAX_SUB_LENGTH && { by }) }
}

/** Of an account's id. A token with a longer one fits into no header field. */
const MAX_SUB_LENGTH = 8192
