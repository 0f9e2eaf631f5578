import { every, type CancelTimer } from '@msc/core'
import { Place, type Admission } from '../admission/admission.ts'
import { fail, privateOnly, sessionEnded, tooMany, unasked } from './answers.ts'
import type { Claims } from '../entrance/claims.ts'
import type { Client, Clients } from '../entrance/clients.ts'
import type { Connection, Format, Transport } from '../entrance/connection.ts'
import { toText } from './bytes.ts'
import { receiveFrames } from './frames-up.ts'
import type { Call, OpenCall } from './handle-http.ts'
import { CHANNEL } from '../../phoenix/channel-prefix.ts'
import type { Membership } from '../rooms/rooms.ts'
import type { Runtime } from '../runtime.ts'
import { keptTopics, type KeptTopic } from './kept-topics.ts'
import { MAX_KEPT, servePlainStream } from './plain-stream.ts'
import type { Turns } from './turns.ts'
import { REMOVED_TEXT } from '../session/refusal.ts'
import { isFeedTopic, type SessionContext } from '../session/context.ts'
import { flagOf } from '../wire/flag.ts'
import { fitsName } from '../../base/name.ts'

export interface EventsContext {
  readonly maxBytes: number
  readonly maxTopics: number
  readonly keepAliveMs: number
  readonly clients: Clients
  readonly session: SessionContext
  readonly admission: Admission
  /** Of the reads of plain streams. */
  readonly turns: Turns
  /** A secret name of a stream. */
  newSession(): string
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
 * for any EventSource: those of feeds, and of channels that are kept, have their cursor as id, so `Last-Event-ID` brings what was
 * missed, and `rewind=20` begins with the latest of such channels.
 */
export function createEvents(context: EventsContext): Events {
  const { clients, admission, turns } = context
  const { rooms, feeds, history, runtime, ask, bans, departures } = context.session
  const sessions = new Map<string, Client>()

  const openStream = (claims: Claims, format: Format, place: Place): Opened => {
    const { transport, stream, drained } = createStream(format, context.keepAliveMs, runtime, () => client.gone())
    const client = clients.add(transport, claims, place)
    return { client, transport, stream, drained }
  }

  const openSession = (claims: Claims, place: Place): Response => {
    const id = context.newSession()
    const { client, stream } = openStream(claims, '2.0.0', place)
    sessions.set(id, client)
    const gone = client.gone.bind(client)
    client.gone = () => {
      sessions.delete(id)
      gone()
    }
    client.connection.sendRaw(JSON.stringify({ session: id }))
    return respond(stream)
  }

  const openTopics = (topics: readonly string[], kept: readonly KeptTopic[], call: Call, place: Place): Response => {
    const { claims, url, request } = call
    const { client, transport, stream, drained } = openStream(claims, 'events', place)
    const { connection } = client
    servePlainStream({
      connection,
      transport,
      kept,
      others: topics.filter((topic) => !kept.some((each) => each.topic === topic)),
      lastEventId: request.headers.get('last-event-id'),
      drained,
      runtime,
    })
    for (const topic of topics) {
      const membership = membershipOf(connection, topic, isPrivate(topic, url), claims)
      membership.followsHistory = kept.some((each) => each.topic === topic)
      connection.memberships.set(`${CHANNEL}${topic}`, membership)
      rooms.add(membership)
      runtime.counters.countJoin()
    }
    return respond(stream)
  }

  return {
    async open(call) {
      const { claims, url, who } = call
      if (flagOf(url.searchParams.get('private')) === undefined) return fail(422, '`private` is true or false')
      const topics = [...new Set(url.searchParams.getAll('topic'))]
      // One that is misspelt would be taken for the protocol's own stream, which never brings what is waited for.
      if (topics.length === 0 && url.searchParams.has('topics')) return fail(422, 'Name each topic by `topic`')
      if (topics.length > context.maxTopics || topics.some((topic) => topic === '' || !fitsName(CHANNEL + topic))) {
        return fail(422, 'Too many topics, or one that is none')
      }
      if (context.session.privateOnly && topics.some((topic) => !isPrivate(topic, url))) return privateOnly()
      const rewind = url.searchParams.get('rewind') ?? undefined
      if (rewind !== undefined && !/^[1-9]\d{0,5}$/.test(rewind)) return fail(422, '`rewind` is a number of messages')
      const kept = keptTopics(
        topics,
        (topic) => isPrivate(topic, url),
        rewind === undefined ? undefined : Number(rewind),
        { feeds, history, turns },
      )
      if (kept.length > MAX_KEPT)
        return fail(422, `At most ${MAX_KEPT} feeds and channels with a history fit into a stream`)
      const refused = admission.take(who, { joinsPerMinute: topics.length, feedReadsPerMinute: kept.length })
      if (refused) return tooMany(refused)
      const watch = departures.watch(topics, claims.sub)
      try {
        for (const topic of topics) {
          const may = isPrivate(topic, url) ? await ask({ claims, topic, action: 'read' }) : 'allowed'
          if (may === 'unavailable') return unasked()
          if (may === 'denied') {
            return fail(403, `You do not have permissions to read from this Channel topic: ${topic}`)
          }
        }
      } finally {
        watch.over()
      }
      // From here on nothing is waited for, so nobody can be told to leave who is not known yet.
      const full = context.full()
      if (full) return full
      if (call.isEnded()) return sessionEnded()
      // Somebody may have been sent away while the policies were asked.
      const departure = watch.over()
      if (departure) return departure === 'unsure' ? unasked() : fail(403, REMOVED_TEXT)
      if (topics.some((topic) => bans.left(claims, topic, isPrivate(topic, url)) > 0)) {
        return fail(403, REMOVED_TEXT)
      }
      const place = admission.enter(who, 'eventStreams')
      if (!(place instanceof Place)) return tooMany(place)
      const crowded = place.takeTopics(topics.length)
      if (crowded) {
        place.leave()
        return tooMany(crowded)
      }
      return url.searchParams.has('topic') ? openTopics(topics, kept, call, place) : openSession(claims, place)
    },
    receive: (call) => receiveFrames(sessions.get(call.params['stream'] ?? ''), call, context),
  }
}

const isPrivate = (topic: string, url: URL): boolean =>
  isFeedTopic(topic) || flagOf(url.searchParams.get('private')) === true

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

function createStream(
  format: Format,
  keepAliveMs: number,
  { clock, report, attempt }: Runtime,
  onGone: () => void,
): { transport: Transport; stream: ReadableStream<Uint8Array>; drained: () => Promise<void> } {
  let onPull = (): void => {}
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined
  const end = (): void => {
    if (!controller) return
    const open = controller
    controller = undefined
    stopBeat()
    attempt('end a stream', () => open.close())
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
        attempt('end a stream', onGone)
      },
    },
    // What has been taken by nobody yet is what is buffered.
    new ByteLengthQueuingStrategy({ highWaterMark: 0 }),
  )
  const transport: Transport = {
    name: format === 'events' ? 'stream' : 'sse',
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
