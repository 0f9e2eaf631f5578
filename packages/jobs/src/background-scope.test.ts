import { currentScope, withScope } from '@msc/core'
import { expect, it } from 'vitest'
import { createJobs } from './create-jobs.ts'
import { inngest } from './drivers/inngest.ts'
import { postgresStore } from './stores/postgres.ts'

const users: unknown[] = []
const look = (): void => void users.push(currentScope()?.user)
const asAna = <T>(fn: () => T): T =>
  withScope((scope) => {
    scope.user = { id: 'ana' }
    return fn()
  })

it('what the Inngest SDK starts sees nobody, whoever sent first', async () => {
  users.length = 0
  let later: Promise<void> = Promise.resolve()
  class Inngest {
    constructor() {
      look()
      // As a timer or a socket of the client's.
      later = new Promise((resolve) => setImmediate(resolve)).then(look)
    }
    async send() {}
  }
  const sdk = { inngest: { Inngest } as never, edge: { serve: () => async () => new Response() } as never }
  const jobs = createJobs({ jobs: [], driver: inngest({ eventKey: 'e', signingKey: 's', sdk }), events: ['test/go'] })
  await asAna(() => jobs.send('test/go', {}))
  await later
  expect(users).toEqual([undefined, undefined])
  await jobs.close()
})

it('a connection that a pool opens for a statement sees nobody, whoever needed it first', async () => {
  users.length = 0
  const query = async () => {
    look()
    return { rows: [] }
  }
  const connection = { query, on: () => undefined, release: () => undefined }
  const store = postgresStore({ client: { query, connect: async () => connection } })
  await asAna(() => store.nextDue().catch(() => undefined))
  await asAna(() => store.gates(['key']).catch(() => undefined))
  expect(users.length).toBeGreaterThan(0)
  expect(users.filter((user) => user !== undefined)).toEqual([])
  await store.close()
})
