import { currentScope, withScope } from '@msc/core'
import { expect, it } from 'vitest'
import { supabase } from '../drivers/supabase.ts'
import { databasePolicies } from '../server/index.ts'

const asAna = <T>(fn: () => T): T =>
  withScope((scope) => {
    scope.user = { id: 'ana' }
    return fn()
  })

it('what the Supabase client starts sees nobody, whoever subscribed first', async () => {
  const users: unknown[] = []
  const look = (): void => void users.push(currentScope()?.user)
  let later: Promise<void> = Promise.resolve()
  const createClient = () => {
    look()
    // As its heartbeat or its socket.
    later = new Promise((resolve) => setImmediate(resolve)).then(look)
    return { realtime: { setAuth: async () => Promise.reject(new Error('far enough')) } }
  }
  const sdk = { createClient: createClient as never }
  const driver = supabase({ url: 'http://127.0.0.1:9', anonKey: 'key', sdk })
  const handlers = { onMessage: () => {}, onPresence: () => {}, onDown: () => {} }
  const { signal } = new AbortController()
  await asAna(() =>
    expect(
      driver.subscribe('room', { private: false, self: false, token: undefined }, handlers, signal),
    ).rejects.toThrow('far enough'),
  )
  await later
  expect(users).toEqual([undefined, undefined])
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
