import { createHash } from 'node:crypto'
import {
  createRecording,
  startWireServer,
  type WireAnswer,
  type WireBehaviour,
  type WireServer,
} from '@msc/core/testing'
import type { Redis } from 'ioredis'

/** How the server answers the following requests. `error`: with 500. */
export type UpstashBehaviour = WireBehaviour | 'error'

export interface UpstashServerOptions {
  /** The Redis that runs the commands. */
  readonly redis: { readonly port: number }
  readonly token: string
  /** The port to listen on. Default: a free one. */
  readonly port?: number
}

export interface UpstashServer extends WireServer<UpstashBehaviour> {
  readonly token: string
  /** The names of the received commands in upper case, the newest last; at most 1 000. */
  readonly commands: readonly string[]
}

/** Upstash refuses requests of more than 100 MB. */
const MAX_BYTES = 100 * 1024 * 1024

type Command = readonly (string | number)[]
type Answer = { readonly result: unknown } | { readonly error: string }

/**
 * Starts Upstash's REST API on loopback over a real Redis. It supports `POST /` with a command, `/pipeline`, `/multi-exec`,
 * commands in the path, a bearer token or `_token`, base64 encoding and the sync token.
 *
 * Source: https://upstash.com/docs/redis/features/restapi and the client's own `pkg/http.ts`.
 */
export async function startUpstashServer(options: UpstashServerOptions): Promise<UpstashServer> {
  const { Redis } = await import('ioredis')
  const redis = new Redis({ port: options.redis.port, host: '127.0.0.1', maxRetriesPerRequest: 1 })
  redis.on('error', () => undefined)
  const commands = createRecording<string>('commands', 1000)
  const note = (command: Command): void => commands.add(String(command[0]).toUpperCase())

  const run = async (url: URL, body: string, base64: boolean): Promise<WireAnswer> => {
    if (url.pathname === '/pipeline' || url.pathname === '/multi-exec') {
      const batch = json(body)
      if (!isBatch(batch)) return answer(400, { error: 'ERR failed to parse pipeline request' })
      batch.forEach(note)
      if (url.pathname === '/pipeline') return answer(200, await pipeline(redis, batch, base64))
      const answers = await transaction(redis, batch, base64)
      return answer(Array.isArray(answers) ? 200 : 400, answers)
    }
    const command = url.pathname === '/' ? json(body) : pathCommand(url, body)
    if (!isCommand(command)) return answer(400, { error: 'ERR failed to parse command' })
    note(command)
    const executed = await execute(redis, command, base64)
    return answer('error' in executed ? 400 : 200, executed)
  }

  const wire = await startWireServer<UpstashBehaviour>({
    port: options.port,
    maxBytes: MAX_BYTES,
    behaviours: { error: answer(500, { error: 'ERR internal error' }) },
    async answer({ url, headers, body }) {
      const token = headers.authorization?.replace(/^Bearer /, '') ?? url.searchParams.get('_token')
      if (token !== options.token) return answer(401, { error: 'WRONGPASS invalid or missing auth token' })
      const answered = await run(url, body.toString('utf8'), headers['upstash-encoding'] === 'base64')
      return { ...answered, headers: { 'upstash-sync-token': 'loopback' } }
    },
    closing: () => redis.disconnect(),
  })
  return Object.assign(wire, { token: options.token, commands: commands.list })
}

async function execute(redis: Redis, command: Command, base64: boolean): Promise<Answer> {
  const [name, ...args] = command.map(String) as [string, ...string[]]
  try {
    return { result: encode(await redis.callBuffer(name, ...stripKeyLocking(name, args)), base64) }
  } catch (error) {
    return { error: (error as Error).message }
  }
}

async function pipeline(redis: Redis, batch: readonly Command[], base64: boolean): Promise<Answer[]> {
  return Promise.all(batch.map((command) => execute(redis, command, base64)))
}

/** Sends MULTI … EXEC in one write, so that no command of another client can come in between. */
async function transaction(
  redis: Redis,
  batch: readonly Command[],
  base64: boolean,
): Promise<Answer[] | { error: string }> {
  const multi = redis.multi()
  for (const command of batch) {
    const [name, ...args] = command.map(String) as [string, ...string[]]
    multi.callBuffer(name, ...stripKeyLocking(name, args))
  }
  try {
    const replies = (await multi.exec()) ?? []
    return replies.map(([error, value]) => (error ? { error: error.message } : { result: encode(value, base64) }))
  } catch (error) {
    return { error: (error as Error).message }
  }
}

const KEY_LOCKING = /^#!lua flags=allow-key-locking\n/
/** Maps the digest of a script with the flag to the digest of the script that Redis got instead. */
const strippedDigests = new Map<string, string>()

/** Removes the flag that Upstash supports and stock Redis refuses. Without it the script has another digest. */
function stripKeyLocking(name: string, args: string[]): string[] {
  if (/^evalsha$/i.test(name)) return args.map((arg, index) => (index === 0 ? (strippedDigests.get(arg) ?? arg) : arg))
  if (!/^(eval|script)$/i.test(name)) return args
  return args.map((arg) => {
    if (!KEY_LOCKING.test(arg)) return arg
    const stripped = arg.replace(KEY_LOCKING, '')
    strippedDigests.set(sha1(arg), sha1(stripped))
    return stripped
  })
}

function sha1(text: string): string {
  return createHash('sha1').update(text).digest('hex')
}

/** Encodes every string but `OK` as base64 if the client asked for it. Numbers and nulls stay as they are. */
function encode(value: unknown, base64: boolean): unknown {
  if (Buffer.isBuffer(value)) {
    const plain = value.toString('utf8')
    return base64 && plain !== 'OK' ? value.toString('base64') : plain
  }
  if (typeof value === 'string') return base64 && value !== 'OK' ? Buffer.from(value).toString('base64') : value
  return Array.isArray(value) ? value.map((item) => encode(item, base64)) : value
}

function pathCommand(url: URL, body: string): Command {
  const parts = url.pathname.slice(1).split('/').map(decodeURIComponent)
  const query = [...url.searchParams]
    .filter(([name]) => name !== '_token')
    .flatMap(([name, value]) => (value ? [name, value] : [name]))
  return [...parts, ...(body ? [body] : []), ...query]
}

function json(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

function isCommand(value: unknown): value is Command {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((part) => typeof part === 'string' || typeof part === 'number')
  )
}

function isBatch(value: unknown): value is Command[] {
  return Array.isArray(value) && value.every(isCommand)
}

function answer(status: number, json: unknown): WireAnswer {
  return { status, json }
}
