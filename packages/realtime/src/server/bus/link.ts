import { every, inTurn, isRecord, randomHex, withoutScope, type CancelTimer } from '@msc/core'
import type { RealtimeBus } from '../../bus/bus.ts'
import { formatBroadcast, parseAction, parseBroadcast, parseFrame, sentAt } from '../../bus/frame.ts'
import { createSigning } from '../../bus/signing.ts'
import type { Ending, EndingHere } from '../ending.ts'
import { broadcastHere, hasRoomFor, type Broadcast } from '../rooms/broadcast.ts'
import type { Occupancies } from '../rooms/occupancy.ts'
import type { Rooms } from '../rooms/rooms.ts'
import { fitsName } from '../../base/name.ts'
import { barredPieces, hearBarred, type Barred } from './barred.ts'
import { createDirected, type Directed } from './directed.ts'
import { createElsewhere, formatChange, formatLingers, piecesOf } from './elsewhere.ts'
import type { History } from '../history/history.ts'
import { createEnds } from './ends.ts'
import type { Gaps } from './gaps.ts'
import { createPeers, type Peer } from './peers.ts'
import { createRefusals } from './refusals.ts'
import { createSender } from './sender.ts'

export interface LinkOptions {
  readonly bus: RealtimeBus
  readonly jwtSecret: string
  /** Others of which frames are accepted. */
  readonly busSecrets?: readonly string[] | undefined
  readonly rooms: Rooms
  readonly occupancies: Occupancies
  /** Of this server alone. */
  readonly ending: EndingHere
  /** Of channels, where this server has one. */
  readonly history?: History | undefined
  readonly barred: Barred
  readonly gaps: Gaps
}

/** What a server knows of its bus, since it was made. */
export interface BusStats {
  readonly name: string
  /** Other processes that were heard in the last 15 s. */
  readonly others: number
  /** Messages that went out, that wait, and that were dropped since the bus did not take them. */
  readonly sent: number
  readonly waiting: number
  readonly dropped: number
  readonly received: number
  /** What came and was no frame of a process with the secret, or not of this minute. */
  readonly refused: number
  /** How often members were told that they may have missed something. */
  readonly gaps: number
  /** The last attempt to send failed. */
  readonly failing: boolean
  /** It hears nothing: it has not begun to, never will, or lost its backend. */
  readonly isDeaf: boolean
}

/** A server's end of the bus. */
export interface Link {
  /** Ends whom it should on all servers. */
  readonly ending: Ending
  readonly directed: Directed
  /** Resolves when it hears the others; rejects where it never will. */
  readonly ready: Promise<void>
  stats(): BusStats
  /** Says goodbye, within a second. Never rejects. */
  close(): Promise<void>
}

const HEARTBEAT_MS = 5000
/** Milliseconds between two looks at who is silent. */
const LOOK_MS = 1000
/** Milliseconds after which those that were there before have been heard. */
const SETTLED_MS = 2 * HEARTBEAT_MS
/** A look that is this late means that this process stood still, and could hear nobody. */
const LATE_MS = 3000

export function createLink(options: LinkOptions): Link {
  const { bus, jwtSecret, busSecrets, rooms, occupancies, ending, history, barred, gaps } = options
  const { runtime } = rooms
  const { clock, attempt, report } = runtime
  const id = randomHex(8)
  const signing = createSigning(jwtSecret, busSecrets)
  const sender = createSender(bus, id, signing, runtime)
  const refusals = createRefusals(bus.name, report)
  const peers = createPeers()
  const elsewhere = createElsewhere(rooms)
  const ends = createEnds(ending, (message, late) => sender.send(message, true, late), runtime)
  const startedAt = clock.monotonic()
  const timers: CancelTimer[] = []
  const isSettled = (): boolean => clock.monotonic() - startedAt > SETTLED_MS
  const directed = createDirected({
    id,
    signing,
    runtime,
    send: sender.direct,
    isThere: (peer) => peers.isThere(peer) ?? (isSettled() ? false : undefined),
  })
  let received = 0
  let closed = false
  /** It does not hear yet, or no longer. */
  let isDeaf = true
  let isLost = false

  const ask = (of?: string): void => sender.send(JSON.stringify({ kind: 'ask', of }))
  /** All that another server should know of this one. */
  function* answer(): Generator<string> {
    const until = barred.revocations.issuedUntil()
    // This server's own time says nothing.
    if (until > clock.now()) yield issued(until)
    yield* barredPieces(barred)
    yield* ends.again()
    yield* piecesOf(rooms)
  }
  /** What one server said is missing: it may have been anything. */
  const missed = (peer: Peer): void => {
    gaps.everywhere()
    elsewhere.spoil(peer.id)
    directed.fail('unavailable', peer.id)
    if (!peer.isPublisher) ask(peer.id)
  }
  const forget = (peer: string): void => {
    peers.forget(peer)
    elsewhere.clear(peer)
    directed.fail('gone', peer)
    occupancies.forget(peer)
  }
  const take = (peer: Peer, message: Readonly<Record<string, unknown>>): void => {
    switch (message['kind']) {
      case 'broadcast':
        return hear(message)
      case 'action':
        return hearAction(message)
      case 'presence':
        return elsewhere.change(peer.id, message)
      case 'state':
        return elsewhere.piece(peer.id, message)
      case 'ask':
        if (message['of'] === undefined || message['of'] === id) sender.stream(answer())
        return
      case 'end':
        return ends.hear(message)
      case 'ended':
        return ends.hearAgain(message)
      case 'barred':
        return hearBarred(ending, message)
      case 'issued':
        if (typeof message['at'] === 'number') barred.revocations.hearIssued(message['at'])
        return
      case 'bye':
        return forget(peer.id)
      case 'occupancy':
        return occupancies.hear(peer.id, message)
      case 'question':
      case 'answer':
        return directed.take(peer.id, message)
    }
  }
  const hear = (raw: Readonly<Record<string, unknown>>): void => {
    const parsed = parseBroadcast(raw)
    if (!parsed || !fitsName(`realtime:${parsed.topic}`) || !fitsName(parsed.event)) return
    received += 1
    const { meta: said, once, ...message } = parsed
    // What its account sends again may come here.
    if (once && !rooms.taken.find(once)) rooms.taken.add(once, { ...said })
    if (history) history.hear(message, said, handOn)
    else handOn(message)
  }
  const hearAction = (raw: Readonly<Record<string, unknown>>): void => {
    const action = parseAction(raw)
    if (!action || !fitsName(`realtime:${action.topic}`) || !fitsName(action.said.event)) return
    received += 1
    history?.hearAction(action, handOn)
  }
  /** What a room can't take is in the history all the same, where there is one: its members come back for it. */
  const handOn = (message: Broadcast): void => {
    if (hasRoomFor(rooms, [message])) return broadcastHere(rooms, message)
    // Its sender was told that it was taken.
    runtime.counters.countRefused('ROOM_BUSY')
    gaps.inRoom(message.topic, message.private)
  }
  const onMessage = (text: string): void => {
    if (closed) return
    // Also what this one has sent: it came back.
    isDeaf = false
    const frame = parseFrame(text, { own: id, now: clock.now(), signing })
    if (frame === undefined) return
    // Before anything is made of it: it is nobody's, so nobody misses anything by it.
    if (frame === 'late') hearLate(text)
    if (typeof frame === 'string') return refusals.count(frame)
    const now = clock.monotonic()
    const arrival = peers.arrive(frame, now, isSettled())
    if (arrival.kind === 'known') return
    const { peer, kind } = arrival
    if (kind === 'missed') missed(peer)
    else if (kind === 'new' && !peer.isPublisher) ask(peer.id)
    // One that can't be followed costs no other.
    for (const message of frame.messages) attempt('hear another server', () => take(peer, message))
  }
  /**
   * Whose tokens were taken back holds whenever it is heard, and can be said again by nobody to do more than it did: of what comes
   * late, as a clock is wrong, it is all that is believed.
   */
  const hearLate = (text: string): void => {
    const frame = parseFrame(text, { own: id, now: sentAt(text), signing })
    if (typeof frame !== 'object') return
    const late = frame.messages.flatMap(({ kind, how, whom, at, entries }) => {
      if (kind === 'end' && how === 'revoke') return [{ revoked: whom, at }]
      return kind === 'barred' && Array.isArray(entries) ? entries.filter(isRecord).map(revocationOf) : []
    })
    if (late.length > 0) attempt('hear another server', () => hearBarred(ending, { entries: late }))
  }
  let lookedAt = startedAt
  const look = (): void => {
    const now = clock.monotonic()
    if (now - lookedAt > LOOK_MS + LATE_MS) peers.excuse(now)
    lookedAt = now
    for (const each of peers.silent(now)) forget(each)
  }
  const beat = (): void => {
    if (sender.stats.waiting === 0) sender.send('{"kind":"alive"}')
  }
  const onError = (error: unknown): void => report(error, 'hear the bus')

  barred.revocations.onIssued = (until) => sender.send(issued(until))
  rooms.outbound = {
    broadcast: (message) => void attempt('tell other servers', () => sender.send(formatBroadcast(message))),
    presence: (...change) => void attempt('tell other servers', () => sender.send(formatChange(...change))),
    lingers: (entry) => void attempt('tell other servers', () => sender.send(formatLingers(entry))),
  }
  occupancies.connect({
    say: (message) => sender.send(JSON.stringify({ kind: 'occupancy', ...message })),
    servers: () => peers.servers(),
    nameOf: (sub) => signing.sign(`occupancy ${sub}`).slice(0, 12),
  })
  const start = async (): Promise<void> => {
    await bus.start({
      onMessage: (text) => void attempt('hear another server', () => onMessage(text)),
      onGap() {
        if (closed) return
        isDeaf = false
        gaps.everywhere()
        directed.fail('unavailable')
        ask()
      },
      onError(error) {
        isDeaf = isLost = true
        onError(error)
      },
    })
    if (closed) return
    // Where its backend is away, the bus has begun all the same, and says when it hears.
    if (!isLost) isDeaf = false
    ask()
    sender.stream(piecesOf(rooms))
  }
  timers.push(every(HEARTBEAT_MS, beat, { clock, onError }), every(LOOK_MS, look, { clock, onError }))
  const ready = withoutScope(start)
  ready.catch((error: unknown) => report(error, 'start the bus'))

  return {
    ending: ends.everywhere,
    directed,
    ready,
    stats: () => ({
      name: bus.name,
      others: peers.size,
      ...sender.stats,
      received,
      refused: refusals.total,
      gaps: gaps.told,
      isDeaf,
    }),
    async close() {
      closed = true
      delete rooms.outbound
      for (const stop of timers) stop()
      directed.close()
      await inTurn(
        () => sender.close('{"kind":"bye"}'),
        () => bus.close(),
      ).catch((error: unknown) => report(error, 'close the bus'))
    },
  }
}

/** Until when tokens are issued: whoever takes some back where none was shown has to know that. */
const issued = (at: number): string => JSON.stringify({ kind: 'issued', at })

const revocationOf = ({ revoked, at }: Readonly<Record<string, unknown>>): object => ({ revoked, at })
