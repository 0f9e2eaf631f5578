import { createServer, type AddressInfo } from 'node:net'
import pg from 'pg'
import { expect, it } from 'vitest'
import { translate } from './postgres-failures.ts'
import { postgresStore } from './postgres.ts'

const failure = (code: string | undefined, message = 'it failed'): Error => Object.assign(new Error(message), { code })

it.each([
  ['28P01', 'DRIVER_UNAUTHORIZED', /password/, false],
  ['26000', 'POSTGRES_POOLED', /session mode/, true],
  ['3D000', 'DRIVER_REFUSED', /name of the database/, false],
  ['ECONNREFUSED', 'DRIVER_UNREACHABLE', /host and port/, true],
  ['ECONNRESET', 'DRIVER_UNREACHABLE', /ended the connection/, true],
  ['EPIPE', 'DRIVER_UNREACHABLE', /ended the connection/, true],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'DRIVER_UNREACHABLE', /TLS/, true],
  ['CERT_HAS_EXPIRED', 'DRIVER_UNREACHABLE', /TLS/, true],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'DRIVER_UNREACHABLE', /TLS/, true],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'DRIVER_UNREACHABLE', /TLS/, true],
])('says what to do about %s', (code, expected, hint, retryable) => {
  expect(translate(failure(code))).toMatchObject({ code: expected, hint: expect.stringMatching(hint), retryable })
})

it.each([
  [
    '28000',
    'no pg_hba.conf entry for host "10.0.0.7", user "msc", database "jobs", no encryption',
    'DRIVER_UNAUTHORIZED',
    /requires TLS: add \?sslmode=require/,
    false,
  ],
  [
    '28000',
    'no pg_hba.conf entry for host "10.0.0.7", user "msc", database "jobs", SSL off',
    'DRIVER_UNAUTHORIZED',
    /requires TLS/,
    false,
  ],
  [
    '28000',
    'no pg_hba.conf entry for host "10.0.0.7", user "msc", database "jobs", SSL encryption',
    'DRIVER_UNAUTHORIZED',
    /pg_hba\.conf does not let/,
    false,
  ],
  [undefined, 'The server does not support SSL connections', 'DRIVER_UNREACHABLE', /has no TLS: remove sslmode/, false],
  [
    undefined,
    'Cannot use a pool after calling end on the pool',
    'DRIVER_CLOSED',
    /close the jobs, then the pool/,
    false,
  ],
  ['XX000', 'Tenant or user not found', 'DRIVER_UNAUTHORIZED', /postgres\.<project>/, false],
  ['XX000', 'MaxClientsInSessionMode: max clients reached', 'DRIVER_UNREACHABLE', /no connection left/, true],
  ['08P01', 'no more connections allowed (max_client_conn)', 'DRIVER_UNREACHABLE', /no connection left/, true],
  ['08P01', 'no such database: jobs', 'DRIVER_REFUSED', /name of the database/, false],
  ['08P01', 'unsupported startup parameter: options', 'DRIVER_REFUSED', /ignore_startup_parameters/, false],
  ['ENOTDIR', "ENOTDIR: not a directory, open '/a.crt/b'", 'DRIVER_REFUSED', /sslrootcert/, false],
  ['ELOOP', "ELOOP: too many symbolic links encountered, open '/a.crt'", 'DRIVER_REFUSED', /sslrootcert/, false],
  [
    'ERR_INVALID_ARG_VALUE',
    "The argument 'path' must be a string, Uint8Array, or URL without null bytes.",
    'DRIVER_REFUSED',
    /sslrootcert/,
    false,
  ],
  ['ENOTDIR', 'connect ENOTDIR /etc/passwd/x/.s.PGSQL.5432', 'DRIVER_UNREACHABLE', /host/, true],
  ['ENOENT', "ENOENT: no such file or directory, open '/nope.crt'", 'DRIVER_REFUSED', /sslrootcert/, false],
  ['ENOENT', 'connect ENOENT /var/run/postgresql/.s.PGSQL.5432', 'DRIVER_UNREACHABLE', /host and port/, true],
  ['57P03', 'the database system is starting up', 'DRIVER_UNREACHABLE', /starting or stopping/, true],
])('says what to do about %s, %s', (code, message, expected, hint, retryable) => {
  expect(translate(failure(code, message))).toMatchObject({
    code: expected,
    hint: expect.stringMatching(hint),
    retryable,
  })
})

it('leaves what a statement fails with to whoever sent it', () => {
  expect(translate(failure('42P01'))).toMatchObject({ code: 'DRIVER_FAILED', retryable: false, hint: undefined })
})

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
  expect(translate((first as PromiseRejectedResult).reason)).toMatchObject(expected)
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
