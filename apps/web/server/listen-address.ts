import { createServer } from 'node:net'
import { readEnv, type Env } from '@msc/core'

export interface ListenAddress {
  readonly host: string
  readonly port: number
}

/** What is wrong with a variable, in one line. */
export interface ListenProblem {
  readonly problem: string
}

/**
 * Reads where to listen from HOST (default 127.0.0.1) and PORT (default 3000), and tries it, so that a mistake is found before
 * anything else is opened.
 */
export async function listenAddress(env: Env): Promise<ListenAddress | ListenProblem> {
  const given = readEnv(env, 'PORT') ?? '3000'
  const port = /^\d{1,5}$/.test(given) ? Number(given) : 0
  if (port < 1 || port > 65_535)
    return { problem: `PORT is ${shown(given)}. Set it to a whole number from 1 to 65535.` }
  const host = readEnv(env, 'HOST') ?? '127.0.0.1'
  const code = await triedToListen({ host, port })
  return code === undefined ? { host, port } : { problem: listenProblem({ host, port }, code) }
}

/** What to do about the error code with which listening has failed. */
export function listenProblem({ host, port }: ListenAddress, code: string | undefined): string {
  const other = port === 65_535 ? 3000 : port + 1
  switch (code) {
    case 'EADDRINUSE':
      // Another port alone would not do: a second server needs a data folder of its own too.
      return `Port ${port} is in use. Stop what listens there, or run a second app beside it: PORT=${other} MSC_DATA_DIR=.data-${other} npm start`
    case 'EACCES':
      return `PORT is ${port}, where this user may not listen. Set it to a number from 1024 to 65535.`
    default:
      return `HOST is ${shown(host)}, where this machine can not listen${code ? ` (${code})` : ''}. Set it to one of its addresses, such as 127.0.0.1 for itself alone or 0.0.0.0 for everybody.`
  }
}

/** Returns the code of the error, or `undefined` when it worked. */
function triedToListen({ host, port }: ListenAddress): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code ?? 'unknown'))
    try {
      server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)))
    } catch (error) {
      resolve((error as NodeJS.ErrnoException).code ?? 'unknown')
    }
  })
}

/** As text of one line that ends. */
function shown(value: string): string {
  return JSON.stringify(value.length > 100 ? `${value.slice(0, 100)}…` : value)
}
