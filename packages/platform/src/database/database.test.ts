import { keptOpen, startChaosProxy } from '@msc/core/testing'
import { startPostgres, type RunningPostgres } from '@msc/core/testing/postgres'
import pg from 'pg'
import { afterAll, beforeAll } from 'vitest'
import { testDatabaseDriver, type DatabaseDriverSetup } from '../testing/conformance/index.ts'
import { emptyDatabase, supabaseProject } from './__fixtures__/databases.ts'
import { pglite } from './drivers/pglite.ts'
import { postgres } from './drivers/postgres.ts'
import { supabase } from './drivers/supabase.ts'

let server: RunningPostgres
beforeAll(async () => {
  server = await startPostgres()
}, 60_000)
afterAll(() => server?.close())

async function throughNetwork(
  url: string,
  make: (url: string) => DatabaseDriverSetup['make'],
): Promise<DatabaseDriverSetup> {
  const address = new URL(url)
  const proxy = await startChaosProxy(Number(address.port))
  const direct = make(url)
  address.port = String(proxy.port)
  const { kill, freeze, refuse, close } = proxy
  return { make: make(address.href), network: { kill: () => kill(), freeze: () => freeze(), refuse, direct }, close }
}

const nothing = async (): Promise<void> => undefined

testDatabaseDriver('pglite', async () => {
  // Each that is made would be a database of its own.
  const one = pglite()
  return { make: () => keptOpen(one), close: () => one.close() }
})
testDatabaseDriver('postgres', async () => {
  const url = await emptyDatabase(server)
  return { make: () => postgres({ url }), close: nothing }
})
testDatabaseDriver('postgres, with a pool of the application', async () => {
  const pool = new pg.Pool({ connectionString: await emptyDatabase(server), max: 10 })
  return { make: () => postgres({ pool }), close: () => pool.end() }
})
testDatabaseDriver(
  'postgres, through a network',
  async () => throughNetwork(await emptyDatabase(server), (url) => () => postgres({ url })),
  { network: true },
)
testDatabaseDriver('supabase', async () => {
  const url = await supabaseProject(server)
  return { make: () => supabase({ url }), close: nothing }
})
testDatabaseDriver(
  'supabase, through a network',
  async () => throughNetwork(await supabaseProject(server), (url) => () => supabase({ url })),
  { network: true },
)
