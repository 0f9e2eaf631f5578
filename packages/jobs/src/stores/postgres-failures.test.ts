import { createServer, type AddressInfo } from 'node:net'
import { postgresFailure } from '@msc/core/postgres'
import pg from 'pg'
import { expect, it } from 'vitest'
import { postgresStore } from './postgres.ts'

it('says what to do when the pool has no connection in time', async () => {
  // It accepts, and says nothing.
  const server = createServer((socket) => void socket.on('error', () => undefined).resume())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const url = `postgres://msc@127.0.0.1:${port}/none`
  const pool = new pg.Pool({ connectionString: url, max: 2, connectionTimeoutMillis: 50 })
  pool.on('error', () => undefined)
  const store = postgresStore({ client: pool })
  const expected = { code: 'DRIVER_UNREACHABLE', hint: expect.stringMatching(/in time/), retryable: true }
  // The first two open connections, the third waits for a place.
  const [first, , second] = await Promise.allSettled([pool.query('select 1'), pool.query('select 1'), store.nextDue()])
  expect(postgresFailure((first as PromiseRejectedResult).reason)).toMatchObject(expected)
  expect((second as PromiseRejectedResult).reason).toMatchObject(expected)
  await store.close()
  await pool.end()
  await new Promise((resolve) => server.close(resolve))
})

it('says what to do when the server hangs up in the middle of the handshake', async () => {
  const server = createServer((socket) => void socket.once('data', () => socket.resetAndDestroy()))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const store = postgresStore({ url: `postgres://msc@127.0.0.1:${(server.address() as AddressInfo).port}/none` })
  await expect(store.nextDue()).rejects.toMatchObject({
    code: 'DRIVER_UNREACHABLE',
    hint: expect.stringMatching(/ended the connection/),
  })
  await store.close()
  await new Promise((resolve) => server.close(resolve))
})
