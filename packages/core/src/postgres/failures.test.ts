import { expect, it } from 'vitest'
import { postgresFailure } from './failures.ts'

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
  expect(postgresFailure(failure(code))).toMatchObject({ code: expected, hint: expect.stringMatching(hint), retryable })
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
    /close what uses it, then the pool/,
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
  expect(postgresFailure(failure(code, message))).toMatchObject({
    code: expected,
    hint: expect.stringMatching(hint),
    retryable,
  })
})

it.each([
  ['42P01', /^SQLSTATE 42P01: a table is missing: .*MY_URL/],
  ['42703', /^SQLSTATE 42703: a column/],
  ['42883', /^SQLSTATE 42883: a function/],
  ['42601', /^SQLSTATE 42601: the statement is wrong.*position/],
  ['3F000', /^SQLSTATE 3F000: a schema/],
  ['23505', /^SQLSTATE 23505: .*constraint/],
  ['22P02', /^SQLSTATE 22P02: a value/],
  ['0A000', /^SQLSTATE 0A000: .*version/],
  ['53100', /^SQLSTATE 53100: .*disk/],
  ['55P03', /^SQLSTATE 55P03: .*lock/],
  ['57014', /^SQLSTATE 57014: .*statement_timeout/],
  ['P0001', /^SQLSTATE P0001: .*trigger/],
  ['XX001', /^SQLSTATE XX001: .*log/],
  ['HV00A', /^SQLSTATE HV00A: see https:/],
  ['ABCDE', /^Read the message/],
  [undefined, /^Read the message.*MY_URL/],
])('says where to look for what a statement has failed with, without its data: %s', (code, hint) => {
  const failed = postgresFailure(failure(code, 'Key (email)=(ann@a.example) is wrong'), { variable: 'MY_URL' })
  expect(failed).toMatchObject({ code: 'DRIVER_FAILED', hint: expect.stringMatching(hint) })
  expect((failed as { hint?: string }).hint).not.toContain('ann@')
})

it('names the driver, the variable and what its role needs', () => {
  const context = { driver: 'supabase', variable: 'SUPABASE_DB_URL', needs: 'the schema msc_outbox' }
  expect(postgresFailure(failure('28P01'), context)).toMatchObject({
    message: '[supabase] it failed',
    hint: 'Check the user and password in SUPABASE_DB_URL.',
  })
  expect(postgresFailure(failure('42501'), context)).toMatchObject({
    hint: 'The role in SUPABASE_DB_URL may not do this: give it the rights to create and use the schema msc_outbox.',
  })
})

it.each(['P0001', '0A000', '22P02', '42P01'])('does not promise that %s will pass', (code) => {
  expect(postgresFailure(failure(code))).toMatchObject({ retryable: false })
})

it('returns an error of ours as it is, and reads one that throws', () => {
  const ours = postgresFailure(failure('28P01'))
  expect(postgresFailure(ours)).toBe(ours)
  const hostile = new Proxy(new Error('x'), {
    get: (target, name) => {
      if (name === 'code') throw new Error('no')
      return Reflect.get(target, name)
    },
  })
  expect(postgresFailure(hostile)).toMatchObject({ code: 'DRIVER_FAILED' })
})
