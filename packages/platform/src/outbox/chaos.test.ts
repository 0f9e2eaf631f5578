import { startChaosProxy } from '@msc/core/testing'
import { startPostgres } from '@msc/core/testing/postgres'
import { expect, it, vi } from 'vitest'
import { createDatabase } from '../database/create-database.ts'
import { postgres } from '../database/drivers/postgres.ts'
import { runOutboxChaos } from '../testing/outbox-chaos.ts'
import { addToOutbox } from './add.ts'
import { createOutbox } from './create-outbox.ts'
import { outboxMigration } from './schema.ts'

it('loses nothing and invents nothing while its processes are killed and its network fails', async () => {
  const seed = Number(process.env['MSC_SEED'] ?? Date.now() % 1_000_000_000)
  const report = await runOutboxChaos({ minutes: 0.15, seed })
  expect(report.broken, `MSC_SEED=${seed}`).toEqual([])
  expect(report.added).toBeGreaterThan(50)
  expect(report.kills).toBeGreaterThan(3)
  expect(report.received).toBe(report.added)
}, 150_000)

it('outlives an outage of its database, which it reports once', async () => {
  const server = await startPostgres()
  const proxy = await startChaosProxy(Number(new URL(server.url).port))
  const address = new URL(server.url)
  address.port = String(proxy.port)
  const direct = createDatabase({ driver: postgres({ url: server.url }) })
  await direct.migrate([outboxMigration()])
  const database = createDatabase({ driver: postgres({ url: address.href }), timeoutMs: 1000 })
  const onError = vi.fn()
  const got: unknown[] = []
  const outbox = createOutbox({
    database,
    onError,
    pollMs: 200,
    leaseMs: 600,
    deliver: { a: ({ payload }) => got.push(payload) },
  })
  const add = (payload: string): Promise<string> => direct.asService((tx) => addToOutbox(tx, { kind: 'a', payload }))
  outbox.start()
  await add('before')
  await vi.waitFor(() => expect(got).toEqual(['before']), 5000)
  for (const fail of ['kill', 'freeze'] as const) {
    proxy.refuse(true)
    proxy[fail]()
    await add(fail)
    expect(await outbox.health({ timeoutMs: 1500 })).toMatchObject({ status: 'down' })
    expect(got).not.toContain(fail)
    // An outage that the relay has not met is none that it could report.
    await vi.waitFor(() => expect(onError).toHaveBeenCalled(), 30_000)
    proxy.refuse(false)
    await vi.waitFor(() => expect(got).toContain(fail), 30_000)
    expect(onError).toHaveBeenCalledTimes(1)
  }
  expect(await outbox.health()).toMatchObject({ status: 'ready' })
  await outbox.close()
  await database.close()
  await direct.close()
  await proxy.close()
  await server.close()
}, 60_000)
