import { currentScope, withScope } from '@msc/core'
import { expect, it } from 'vitest'
import { createRealtime } from './create-realtime.ts'
import { supabase } from './drivers/supabase.ts'
import { databasePolicies } from './server/index.ts'

const asAna = <T>(fn: () => T): T =>
  withScope((scope) => {
    scope.user = { id: 'ana' }
    return fn()
  })

it('what the Supabase client starts sees nobody, whoever published first', async () => {
  const users: unknown[] = []
  const look = (): void => void users.push(currentScope()?.user)
  let later: Promise<void> = Promise.resolve()
  const createClient = () => {
    look()
    // As its heartbeat or its socket.
    later = new Promise((resolve) => setImmediate(resolve)).then(look)
    return {
      channel: () => ({ httpSend: async () => undefined }),
      removeChannel: async () => undefined,
      removeAllChannels: async () => undefined,
      realtime: { setAuth: async () => undefined, disconnect: async () => undefined },
    }
  }
  const sdk = { createClient: createClient as never }
  const realtime = createRealtime({ driver: supabase({ url: 'http://127.0.0.1:9', anonKey: 'key', sdk }) })
  await asAna(() => realtime.publish('room', 'said', {}))
  await later
  expect(users).toEqual([undefined, undefined])
  await realtime.close()
})

it('a connection that is opened to ask the policies sees nobody, whoever is asked about first', async () => {
  const users: unknown[] = []
  const query = async () => ({ rows: [{}] })
  const connection = { query, on: () => undefined, release: () => undefined }
  const connect = async () => {
    users.push(currentScope()?.user)
    return connection
  }
  const authorize = databasePolicies({ client: { query, connect } })
  const question = { claims: { role: 'authenticated', sub: 'a', exp: 4e9 }, topic: 'room', action: 'read' } as const
  expect(await asAna(() => authorize(question, new AbortController().signal))).toBe(true)
  expect(users).toEqual([undefined])
})
