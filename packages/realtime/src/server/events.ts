import { every, randomHex, type CancelTimer } from '@msc/core'
import { isCursor } from '../feed/cursor.ts'
import type { FeedSource } from '../feed/source.ts'
import { textOf } from './body.ts'
import type { Claims } from './claims.ts'
import type { Client, Clients } from './clients.ts'
import type { Connection, Format, Transport } from './connection.ts'
import { CHANNEL } from '../phoenix/channel-prefix.ts'
import { unstamped } from '../stamp.ts'
import type { Membership } from './rooms.ts'
import type { Runtime } from './runtime.ts'
import { isFeedTopic, type SessionContext } from './session.ts'

export interface EventsContext {
  readonly path: string
  readonly maxBytes: number
  readonly maxTopics: number
  readonly keepAliveMs: number
  readonly clients: Clients
  readonly session: SessionContext
  /** The claims of a valid token, or the answer to one that is not. */
  admit(token: string | null): Promise<{ readonly claims: Claims } | { readonly refused: Response }>
}

export interface Events {
  /** `undefined` for an address that is somebody else's. */
  handle(request: Request): Promise<Response | undefined>
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
  const { path, clients } = context
  const sessions = new Map<string, Client>()
  const base = `${path}/events`

  const open = (claims: Claims, format: Format): Opened => {
    const { transport, stream, drained } = createStream(format, context.keepAliveMs, context.session.runtime, () =>
      client.gone(),
    )
    const client = clients.add(transport, claims)
    return { client, transport, stream, drained }
  }

  const openSession = (claims: Claims): Response => {
    const id = randomHex(16)
    const { client, stream } = open(claims, '1.0.0')
    sessions.set(id, client)
    const { gone } = client
    client.gone = () => {
      sessions.delete(id)
      gone()
    }
    client.connection.sendRaw(JSON.stringify({ session: id }))
    return respond(stream)
  }

  const receive = async (id: string, request: Request): Promise<Response> => {
    const { text, refusal } = await textOf(request, context.maxBytes)
    if (refusal) return refusal
    const client = sessions.get(id)
    if (!client) return Response.json({ error: 'The session has ended' }, { status: 410 })
    for (const line of text.split('\n')) if (line !== '') client.receive(line)
    return new Response(null, { status: 202 })
  }

  const openTopics = async (claims: Claims, url: URL, after: string | null): Promise<Response> => {
    const topics = [...new Set(url.searchParams.getAll('topic'))]
    if (topics.length > context.maxTopics || topics.some((topic) => topic === '' || topic.length > 200)) {
      return Response.json({ error: 'Too many topics, or one that is none' }, { status: 422 })
    }
    const isPrivate = (topic: string): boolean => isFeedTopic(topic) || url.searchParams.get('private') === 'true'
    for (const topic of topics) {
      if (isPrivate(topic) && !(await context.session.ask({ claims, topic, action: 'read' }))) {
        const error = `You do not have permissions to read from this Channel topic: ${topic}`
        return Response.json({ error }, { status: 403 })
      }
    }
    const { client, transport, stream, drained } = open(claims, 'events')
    const { connection } = client
    const { rooms, feeds } = context.session
    // What comes while the history is read has to wait behind it.
    const hold = holdBack(connection, transport)
    for (const topic of topics) {
      const membership = membershipOf(connection, topic, isPrivate(topic), claims)
      connection.memberships.set(`${CHANNEL}${topic}`, membership)
      rooms.add(membership)
    }
    const kept = topics.filter(isFeedTopic)
    if (feeds && kept.length > 0)
      void catchUp(hold, kept, isCursor(after) ? after : undefined, {
        feeds,
        drained,
        runtime: context.session.runtime,
      })
    else hold.release(new Set())
    return respond(stream)
  }

  return {
    async handle(request) {
      const url = new URL(request.url)
      if (url.pathname !== base && !url.pathname.startsWith(`${base}/`)) return undefined
      if (request.method === 'POST') return receive(url.pathname.slice(base.length + 1), request)
      if (request.method !== 'GET') return Response.json({ error: 'Use GET' }, { status: 405 })
      const bearer = request.headers.get('authorization')?.replace(/^Bearer /i, '')
      const admitted = await context.admit(bearer ?? url.searchParams.get('apikey'))
      if ('refused' in admitted) return admitted.refused
      if (!url.searchParams.has('topic')) return openSession(admitted.claims)
      return openTopics(admitted.claims, url, request.headers.get('last-event-id'))
    },
  }
}

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
      if (typeof data !== 'string' || data === '') return
      write(format === 'events' ? data : `data: ${data}\n\n`)
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
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    },
  })
}
