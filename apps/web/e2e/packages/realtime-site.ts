import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { PGlite } from '@electric-sql/pglite'
import {
  createRealtimeServer,
  databasePolicies,
  feedMigration,
  feedPosition,
  feedSource,
  realtimeSchema,
  type RealtimeServer,
} from '@msc/realtime/server'
import { signTestToken, startChaosProxy, type ChaosProxy } from '@msc/realtime/testing'
import { build } from 'esbuild'
import { createElement } from 'react'
import { renderToString } from 'react-dom/server'
import { List, type Item } from './people-list.ts'

export interface RealtimeSite {
  /** Goes through a network that tests can cut. */
  readonly url: string
  readonly realtime: RealtimeServer
  readonly network: ChaosProxy
  /** How a proxy on the way treats WebSockets and event streams. `mute` holds back the whole body. */
  readonly ways: { websocket: 'open' | 'refused'; events: 'open' | 'mute' }
  /** How many tokens were requested. */
  readonly tokens: number
  /** The reports that pages have sent. */
  readonly reports: readonly string[]
  insert(user: string, ...numbers: number[]): Promise<void>
  markRead(n: number): Promise<void>
  close(): Promise<void>
}

const secret = 'a-secret-for-tests-that-is-long-enough-0123'

/** Starts the page, its realtime server and its database, on 127.0.0.1. */
export async function startRealtimeSite(): Promise<RealtimeSite> {
  const db = await PGlite.create('memory://')
  await db.exec(realtimeSchema())
  await db.exec(
    `create table items (id text primary key default gen_random_uuid(), owner text, n int, read boolean default false)`,
  )
  await db.exec(feedMigration([{ table: 'items', owner: 'owner' }]))
  const realtime = createRealtimeServer({
    jwtSecret: secret,
    authorize: databasePolicies({ client: db }),
    feeds: feedSource({ client: db }),
  })
  await realtime.ready
  const [script, peopleScript] = await Promise.all(
    [new URL('realtime-page.tsx', import.meta.url), new URL('people-page.ts', import.meta.url)].map(bundle),
  )
  const reports: string[] = []
  let tokens = 0

  const insert = (user: string, n: number): Promise<unknown> =>
    db.query('insert into items (owner, n) values ($1, $2)', [user, n])
  const renderPeople = async (user: string): Promise<string> => {
    const from = await feedPosition(db)
    const { rows } = await db.query<Item>('select id, n, read from items where owner = $1 order by n desc', [user])
    const list = createElement(List, { user, items: rows, from, load: async () => [] })
    const rendered = JSON.stringify({ user, items: rows, from }).replaceAll('<', '\\u003c')
    return `<!doctype html><title>People</title><link rel="icon" href="data:,"><main>${renderToString(list)}<p
      data-testid="here"></p><p data-testid="notes"></p>${['Sign out', 'Bo', 'Say'].map((label) => `<button type="button">${label}</button>`).join('')}</main>
      <script id="rendered" type="application/json">${rendered}</script><script src="people.js"></script>`
  }

  const answer = async (url: URL, response: ServerResponse): Promise<void> => {
    const user = url.searchParams.get('user') ?? ''
    if (url.pathname === '/token') {
      tokens += 1
      response.end(await signTestToken(secret, { sub: user }, Number(url.searchParams.get('seconds'))))
    } else if (url.pathname === '/items') {
      const { rows } = await db.query('select id, n, read from items where owner = $1 order by n desc', [user])
      response.end(JSON.stringify(rows))
    } else if (url.pathname === '/report') {
      reports.push(decodeURIComponent(url.search.slice(1)))
      response.end()
    } else if (url.pathname === '/frame') {
      response.setHeader('content-type', 'text/html')
      response.end(
        `<!doctype html><title>Frame</title><iframe sandbox="allow-scripts" src="/${escaped(url.search)}"></iframe>`,
      )
    } else if (url.pathname === '/elsewhere') {
      response.setHeader('content-type', 'text/html')
      response.end('<!doctype html><title>Elsewhere</title><p>Elsewhere</p>')
    } else if (url.pathname === '/page.js' || url.pathname === '/people.js') {
      response.setHeader('content-type', 'text/javascript')
      response.end(url.pathname === '/page.js' ? script : peopleScript)
    } else if (url.pathname === '/people') {
      response.setHeader('content-type', 'text/html')
      response.end(await renderPeople(user))
      // These rows are written while the page is on its way to the browser.
      for (const n of url.searchParams.getAll('late')) await insert(user, Number(n))
    } else {
      response.setHeader('content-type', 'text/html')
      response.end(
        '<!doctype html><title>Page</title><link rel="icon" href="data:,"><main></main><script src="page.js"></script>',
      )
    }
  }
  const ways: RealtimeSite['ways'] = { websocket: 'open', events: 'open' }
  const http = createServer((request, response) => {
    // A sandboxed frame is of another origin than its address.
    response.setHeader('access-control-allow-origin', '*')
    if (ways.events === 'mute' && request.url?.endsWith('/events')) {
      return response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
    }
    if (realtime.handleIncoming(request, response)) return
    void answer(new URL(request.url ?? '/', 'http://localhost'), response)
  })
  http.on('upgrade', (request, socket, head) => {
    if (ways.websocket === 'refused') socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n')
    else if (!realtime.handleUpgrade(request, socket, head)) socket.destroy()
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const network = await startChaosProxy((http.address() as AddressInfo).port)
  const apiKey = await signTestToken(secret, { role: 'anon' })

  return {
    url: `http://127.0.0.1:${network.port}/?apiKey=${apiKey}`,
    realtime,
    network,
    ways,
    reports,
    get tokens() {
      return tokens
    },
    async insert(user, ...numbers) {
      for (const n of numbers) await insert(user, n)
    },
    async markRead(n) {
      await db.query('update items set read = true where n = $1', [n])
    },
    async close() {
      await realtime.close()
      await network.close()
      http.closeAllConnections()
      await new Promise((resolve) => http.close(resolve))
      await db.close()
    },
  }
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('"', '&quot;')

async function bundle(page: URL): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(page)],
    bundle: true,
    format: 'iife',
    platform: 'browser',
    target: 'es2023',
    jsx: 'automatic',
    jsxDev: true,
    define: { 'process.env.NODE_ENV': '"development"' },
    conditions: ['@msc/source'],
    external: ['@supabase/supabase-js'],
    write: false,
  })
  return (outputFiles[0] as { text: string }).text
}
