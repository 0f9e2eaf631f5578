import { every, randomHex, type CancelTimer } from '@msc/core'
import { isCursor } from '../../feed/cursor.ts'
import type { FeedSource } from '../../feed/source.ts'
import { Place, type Admission } from '../admission/admission.ts'
import { fail, sessionEnded, tooMany } from './answers.ts'
import type { Claims } from '../entrance/claims.ts'
import type { Client, Clients } from '../entrance/clients.ts'
import type { Connection, Format, Transport } from '../entrance/connection.ts'
import { toText } from './bytes.ts'
import { receiveFrames } from './frames-up.ts'
import type { Call, OpenCall } from './handle-http.ts'
import { CHANNEL } from '../../phoenix/channel-prefix.ts'
import { unstamped } from '../../base/stamp.ts'
import type { Membership } from '../rooms/rooms.ts'
import type { Runtime } from '../runtime.ts'
import { isFeedTopic, type SessionContext } from '../session/session.ts'

export interface EventsContext {
  readonly maxBytes: number
  readonly maxTopics: number
  readonly keepAliveMs: number
  readonly clients: Clients
  readonly session: SessionContext
  readonly admission: Admission
  /** What is answered while there is no room for another connection, or the server ends. */
  full(): Response | undefined
}

export interface Events {
  open(call: Call): Promise<Response>
  receive(call: OpenCall): Promise<Response>
}

interface Opened {
  readonly client: Client
  readonly transport: Transport
  readonly stream: ReadableStream<Uint8Array>
  /** Resolves when everything has been taken, or nobody takes it any more. */
  readonly drained: () => Promise<void>
}

const encoder = new TextEncoder()

/**
 * The way for networks that block WebSockets. `GET {path}/events` is a stream of server-sent events with the protocol's
 * frames, to which a client answers with `POST {path}/events/{session}`. With `?topic=` it is a stream of plain messages,
 * for any EventSource: a feed's messages have their cursor as id, so `Last-Event-ID` brings what was missed.
 */
export function createEvents(context: EventsContext): Events {
  const { clients, admission } = context
  const { rooms, feeds, runtime, ask } = context.session
  const sessions = new Map<string, Client>()

  const openStream = (claims: Claims, format: Format, place: Place): Opened => {
    const { transport, stream, drained } = createStream(format, context.keepAliveMs, runtime, () => client.gone())
    const client = clients.add(transport, claims, place)
    return { client, transport, stream, drained }
  }

  const openSession = (claims: Claims, place: Place): Response => {
    const id = randomHex(16)
    const { client, stream } = openStream(claims, '2.0.0', place)
    sessions.set(id, client)
    const { gone } = client
    client.gone = () => {
      sessions.delete(id)
      gone()
    }
    client.connection.sendRaw(JSON.stringify({ session: id }))
    return respond(stream)
  }

  const openTopics = (topics: readonly string[], call: Call, place: Place): Response => {
    const { claims, url, request } = call
    const { client, transport, stream, drained } = openStream(claims, 'events', place)
    const { connection } = client
    // What comes while the history is read has to wait behind it.
    const hold = holdBack(connection, transport)
    for (const topic of topics) {
      const membership = membershipOf(connection, topic, isPrivate(topic, url), claims)
      connection.memberships.set(`${CHANNEL}${topic}`, membership)
      rooms.add(membership)
    }
    const after = request.headers.get('last-event-id')
    const kept = topics.filter(isFeedTopic)
    if (feeds && kept.length > 0)
      void catchUp(hold, kept, isCursor(after) ? after : undefined, { feeds, drained, runtime })
    else hold.release(new Set())
    return respond(stream)
  }

  return {
    async open(call) {
      const { claims, url, who } = call
      const topics = [...new Set(url.searchParams.getAll('topic'))]
      if (topics.length > context.maxTopics || topics.some((topic) => topic === '' || topic.length > 200)) {
        return fail(422, 'Too many topics, or one that is none')
      }
      const reads = feeds ? topics.filter(isFeedTopic).length : 0
      const refused = admission.take(who, { joinsPerMinute: topics.length, feedReadsPerMinute: reads })
      if (refused) return tooMany(refused)
      for (const topic of topics) {
        if (isPrivate(topic, url) && !(await ask({ claims, topic, action: 'read' }))) {
          return fail(403, `You do not have permissions to read from this Channel topic: ${topic}`)
        }
      }
      // From here on nothing is waited for, so nobody can be told to leave who is not known yet.
      const full = context.full()
      if (full) return full
      if (call.isEnded()) return sessionEnded()
      const place = admission.enter(who, 'eventStreams')
      if (!(place instanceof Place)) return tooMany(place)
      const crowded = place.takeTopics(topics.length)
      if (crowded) {
        place.leave()
        return tooMany(crowded)
      }
      return url.searchParams.has('topic') ? openTopics(topics, call, place) : openSession(claims, place)
    },
    receive: (call) => receiveFrames(sessions.get(call.params['stream'] ?? ''), call, context),
  }
}

const isPrivate = (topic: string, url: URL): boolean => isFeedTopic(topic) || url.searchParams.get('private') === 'true'

function membershipOf(connection: Connection, topic: string, isPrivate: boolean, claims: Claims): Membership {
  return {
    connection,
    joinRef: null,
    topic,
    private: isPrivate,
    self: false,
    ack: false,
    presence: { enabled: false, key: '' },
    changes: [],
    claims,
  }
}

interface Hold {
  write(text: string): void
  /** Everything that waited, but for what has been written already, by id. */
  release(written: ReadonlySet<string>): void
  end(): void
}

const MAX_HELD = 10_000

function holdBack(connection: Connection, transport: Transport): Hold {
  const waiting: (string | Uint8Array)[] = []
  const send = connection.sendRaw.bind(connection)
  connection.sendRaw = (data) => {
    if (waiting.length >= MAX_HELD) connection.terminate()
    else waiting.push(data)
  }
  return {
    // A page has its own bound.
    write: (text) => transport.send(text),
    release(written) {
      connection.sendRaw = send
      for (const data of waiting) {
        const id = /^: (\w+)\n/.exec(String(data))?.[1]
        if (id === undefined || !written.has(id)) send(data)
      }
    },
    end: () => connection.terminate(),
  }
}

interface CatchUpPorts {
  readonly feeds: FeedSource
  readonly drained: () => Promise<void>
  readonly runtime: Runtime
}

/** All that came after the cursor in each topic; without one, where the feed is now. Ends the stream where it can't be read. */
async function catchUp(
  hold: Hold,
  topics: readonly string[],
  after: string | undefined,
  { feeds, drained, runtime }: CatchUpPorts,
): Promise<void> {
  const PAGE = 500
  const written = new Set<string>()
  let position: string | undefined
  try {
    for (const topic of topics) {
      for (let cursor = after, more = true; more;) {
        const page = await feeds.since(topic, cursor, PAGE)
        // At the reader's pace: what it has not taken counts against it.
        await drained()
        if (page.gap) hold.write(`event: gap\ndata: ${JSON.stringify({ topic })}\n\n`)
        for (const { event, payload } of page.events) {
          const { stamp, payload: data } = unstamped(payload)
          if (stamp.id !== undefined) written.add(stamp.id)
          hold.write(`data: ${JSON.stringify({ topic, event, payload: data })}\n\n`)
        }
        cursor = page.cursor
        more = page.more
        // The earliest that is true of all topics.
        if (!more) position ??= page.cursor
      }
    }
    // A block without data sets the id, and is no message.
    if (position !== undefined) hold.write(`id: ${position}\n\n`)
    hold.release(written)
  } catch (error) {
    runtime.report(error, 'read a feed', { topic: topics.join(', ') })
    hold.end()
  }
}

function createStream(
  format: Format,
  keepAliveMs: number,
  { clock, report }: Runtime,
  onGone: () => void,
): { transport: Transport; stream: ReadableStream<Uint8Array>; drained: () => Promise<void> } {
  let onPull = (): void => {}
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined
  const end = (): void => {
    if (!controller) return
    controller.close()
    controller = undefined
    stopBeat()
    onPull()
    onGone()
  }
  const write = (text: string): void => controller?.enqueue(encoder.encode(text))
  // Proxies end what is silent.
  const stopBeat: CancelTimer = every(keepAliveMs, () => write(': \n\n'), {
    clock,
    onError: (error) => report(error, 'keep a stream alive'),
  })
  const stream = new ReadableStream<Uint8Array>(
    {
      start(own) {
        controller = own
      },
      pull: () => onPull(),
      cancel() {
        controller = undefined
        stopBeat()
        onPull()
        onGone()
      },
    },
    // What has been taken by nobody yet is what is buffered.
    new ByteLengthQueuingStrategy({ highWaterMark: 0 }),
  )
  const transport: Transport = {
    format,
    // It answers nothing; a client of the protocol sends heartbeats, and a stream that is cut is cancelled.
    patience: format === 'events' ? Number.POSITIVE_INFINITY : 3,
    isOpen: () => controller !== undefined,
    send(data) {
      if (data === '') return
      if (format !== 'events') write(`data: ${typeof data === 'string' ? data : toText(data)}\n\n`)
      else if (typeof data === 'string') write(data)
    },
    buffered: () => -(controller?.desiredSize ?? 0),
    ping() {},
    close(code, reason) {
      if (format !== 'events') write(`event: end\ndata: ${JSON.stringify({ code, reason })}\n\n`)
      end()
    },
    terminate: end,
  }
  const drained = async (): Promise<void> => {
    while (transport.buffered() > 0) await new Promise<void>((resolve) => (onPull = resolve))
  }
  return { transport, stream, drained }
}

function respond(stream: ReadableStream<Uint8Array>): Response {
  return new Response(stream, {
    headers: {
      'content-type': 'text/event-stream; charset=utf-8',
      // Neither kept nor collected by what is in between.
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
    },
  })
}
