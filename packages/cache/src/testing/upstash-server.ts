import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Redis } from 'ioredis'

/** How the server treats the next requests. `silent` accepts and never answers. */
export type UpstashBehaviour = 'ok' | 'silent' | 'garbage' | 'error' | 'reset'

export interface UpstashServerOptions {
  /** The Redis behind it. */
  readonly redis: { readonly port: number }
  readonly token: string
  /** Default: a free one. */
  readonly port?: number
}

export interface UpstashServer {
  readonly url: string
  readonly token: string
  behaviour: UpstashBehaviour
  /** Commands received, upper case, newest last; at most 1 000. */
  readonly commands: readonly string[]
  close(): Promise<void>
}

type Command = readonly (string | number)[]
type Answer = { readonly result: unknown } | { readonly error: string }

/**
 * Upstash's REST interface over a real Redis, on loopback: `POST /` with a command, `/pipeline`, `/multi-exec`, path
 * commands, bearer or `_token`, base64 encoding, sync token.
 *
 * Source: https://upstash.com/docs/redis/features/restapi and the client's own `pkg/http.ts`.
 */
export async function startUpstashServer(options: UpstashServerOptions): Promise<UpstashServer> {
  const { Redis } = await import('ioredis')
  const redis = new Redis({ port: options.redis.port, host: '127.0.0.1', maxRetriesPerRequest: 1 })
  redis.on('error', () => undefined)
  const commands: string[] = []
  let behaviour: UpstashBehaviour = 'ok'

  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy())
  })

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (behaviour === 'silent') return
    if (behaviour === 'reset') return void request.socket.destroy()
    if (behaviour === 'garbage') return void response.end('<html>Bad gateway</html>')
    if (behaviour === 'error') return send(response, 500, { error: 'ERR internal error' })

    const url = new URL(request.url ?? '/', 'http://127.0.0.1')
    const token = request.headers.authorization?.replace(/^Bearer /, '') ?? url.searchParams.get('_token')
    if (token !== options.token) return send(response, 401, { error: 'WRONGPASS invalid or missing auth token' })

    const body = await text(request)
    const base64 = request.headers['upstash-encoding'] === 'base64'
    response.setHeader('upstash-sync-token', 'loopback')
    const note = (command: Command): void => {
      commands.push(String(command[0]).toUpperCase())
      if (commands.length > 1000) commands.shift()
    }

    if (url.pathname === '/pipeline' || url.pathname === '/multi-exec') {
      const batch = json(body)
      if (!isBatch(batch)) return send(response, 400, { error: 'ERR failed to parse pipeline request' })
      batch.forEach(note)
      if (url.pathname === '/pipeline') return send(response, 200, await pipeline(redis, batch, base64))
      const answers = await transaction(redis, batch, base64)
      return send(response, Array.isArray(answers) ? 200 : 400, answers)
    }

    const command = url.pathname === '/' ? json(body) : pathCommand(url, body)
    if (!isCommand(command)) return send(response, 400, { error: 'ERR failed to parse command' })
    note(command)
    const answer = await execute(redis, command, base64)
    return send(response, 'error' in answer ? 400 : 200, answer)
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    token: options.token,
    commands,
    get behaviour() {
      return behaviour
    },
    set behaviour(next) {
      behaviour = next
    },
    async close() {
      redis.disconnect()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
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

/** One write for MULTI … EXEC, so that nothing of another client can come between. */
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
/** Digest of a script with the flag → digest of what Redis was given instead. */
const strippedDigests = new Map<string, string>()

/** Stock Redis refuses the flag that Upstash knows; without it a script has another digest. */
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

/** Every string but `OK` is base64 when the client asked for it; numbers and nulls are plain. */
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

async function text(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}
