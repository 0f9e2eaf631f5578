import { DriverError, MscError, readField, toError } from '../errors/errors.ts'
import { POOLER_HINT } from './pooled.ts'

/** Where a failure happened, as its error and its hint name it. */
export interface PostgresFailureContext {
  /** The driver's name. Default `postgres`. */
  readonly driver?: string
  /** The environment variable with the address. Default `DATABASE_URL`. */
  readonly variable?: string
  /** What the role needs rights to: `the schema msc_jobs`. Default `its schema`. */
  readonly needs?: string
}

/** Says whether two transactions were in each other's way: 40P01 deadlock detected, 40001 serialization failure. */
export function isContention(error: unknown): boolean {
  const code = readField(error, 'code')
  return code === '40P01' || code === '40001'
}

/**
 * Returns the error of the contract for what `pg` or PGlite failed with, with what to do about it where that is known. One of
 * ours stays as it is.
 *
 * It is retryable unless the data (class 22), the statement (0A, 42), the role or database (28, 3D) or an exception that a
 * function raised on purpose (P0) is at fault: those fail again.
 */
export function postgresFailure(error: unknown, context: PostgresFailureContext = {}): Error {
  if (MscError.isInstance(error)) return error
  const { driver = 'postgres', variable = 'DATABASE_URL', needs = 'its schema' } = context
  const { message } = toError(error)
  const given = readField(error, 'code')
  const code = typeof given === 'string' ? given : ''
  const { hint, ...remedy } = remedyFor(code, message)
  return new DriverError(driver, message, {
    retryable: !/^(?:0A|22|28|3D|42|P0)/.test(code),
    cause: error,
    ...remedy,
    ...(hint !== undefined && { hint: hint.replaceAll('DATABASE_URL', variable).replace('<what>', needs) }),
  })
}

interface Remedy {
  readonly code?: string
  readonly hint?: string
  /** Where the error's class does not say it. */
  readonly retryable?: boolean
}

const REACH = 'Check the host and port in DATABASE_URL, and that the server runs and can be reached from this machine.'

/**
 * What to do about a connection that is not made, or was lost. The hints name DATABASE_URL and `<what>`, for which the
 * context has its own words. Source: PostgreSQL's error codes, appendix A, those of Node's
 * sockets and of OpenSSL, and the words of `pg` and of poolers where they have no code of their own.
 */
const REMEDIES: readonly { readonly code?: RegExp; readonly message?: RegExp; readonly remedy: Remedy }[] = [
  {
    // Also the first that many servers on the internet say, which require TLS by `hostssl` or `rds.force_ssl`.
    message:
      /^(?:no pg_hba\.conf entry|pg_hba\.conf rejects connection) .*(?:no encryption|SSL off)$|^SSL connection is required|^connection is insecure/,
    remedy: {
      code: 'DRIVER_UNAUTHORIZED',
      hint: 'The server requires TLS: add ?sslmode=require to DATABASE_URL (for a certificate that this machine does not trust, sslrootcert too).',
    },
  },
  {
    message: /^(?:no pg_hba\.conf entry|pg_hba\.conf rejects connection) /,
    remedy: {
      code: 'DRIVER_UNAUTHORIZED',
      hint: "The server's pg_hba.conf does not let this host, user and database in: check them in DATABASE_URL, or add an entry there.",
    },
  },
  {
    message: /^The server does not support SSL/,
    remedy: {
      code: 'DRIVER_UNREACHABLE',
      hint: 'The server has no TLS: remove sslmode and ssl from DATABASE_URL, or set sslmode=disable.',
      retryable: false,
    },
  },
  {
    // Source: https://node-postgres.com/apis/pool#poolend
    message: /after calling end on the pool$/,
    remedy: {
      code: 'DRIVER_CLOSED',
      hint: 'The pool was ended first: close what uses it, then the pool.',
      retryable: false,
    },
  },
  {
    // Of Supabase's pooler, which gives all its errors the code XX000.
    message: /^Tenant or user not found|tenant\/user .*not found/i,
    remedy: {
      code: 'DRIVER_UNAUTHORIZED',
      hint: "Check the user and the host in DATABASE_URL: Supabase's pooler expects postgres.<project> and the host of the project's region.",
      retryable: false,
    },
  },
  {
    // Of PgBouncer, which gives its errors the code 08P01.
    message: /^no such database/,
    remedy: { code: 'DRIVER_REFUSED', hint: 'Check the name of the database in DATABASE_URL.', retryable: false },
  },
  {
    message: /^unsupported startup parameter/,
    remedy: {
      code: 'DRIVER_REFUSED',
      hint: 'The pooler refuses a parameter of the connection: remove it from DATABASE_URL, or name it in ignore_startup_parameters of PgBouncer.',
      retryable: false,
    },
  },
  {
    // A socket's file that is missing has the same code, and comes with its server.
    message: /^(?:ENOENT|EACCES|ENOTDIR|ELOOP|ENAMETOOLONG): .*, open |^EISDIR: |^The argument 'path' must/,
    remedy: {
      code: 'DRIVER_REFUSED',
      hint: 'DATABASE_URL names a file that can not be read: check sslrootcert, sslcert and sslkey.',
      retryable: false,
    },
  },
  {
    code: /^57P03$/,
    remedy: { code: 'DRIVER_UNREACHABLE', hint: 'The server is starting or stopping; try again in a moment.' },
  },
  {
    code: /^28/,
    remedy: { code: 'DRIVER_UNAUTHORIZED', hint: 'Check the user and password in DATABASE_URL.' },
  },
  {
    code: /^25006$/,
    remedy: {
      code: 'DRIVER_READ_ONLY',
      hint: 'What answers only reads: DATABASE_URL has to lead to the primary, which must not be read-only by its settings or for want of disk.',
    },
  },
  {
    code: /^42501$/,
    remedy: {
      code: 'DRIVER_UNAUTHORIZED',
      hint: 'The role in DATABASE_URL may not do this: give it the rights to create and use <what>.',
    },
  },
  {
    code: /^53300$/,
    message:
      /^no more connections allowed|MaxClientsInSessionMode|max client(?:s| connections) reached|^query_wait_timeout/i,
    remedy: {
      code: 'DRIVER_UNREACHABLE',
      hint: 'The server has no connection left: lower `maxConnections`, end what holds the others, or use a pooler.',
    },
  },
  {
    // A named statement that its session does not know, or knows already: it is another session's by now.
    code: /^(?:26000|42P05)$/,
    remedy: { code: 'POSTGRES_POOLED', hint: POOLER_HINT },
  },
  { code: /^3D000$/, remedy: { code: 'DRIVER_REFUSED', hint: 'Check the name of the database in DATABASE_URL.' } },
  {
    code: /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|^ERR_(?:SSL|TLS|OSSL)|^EPROTO$/,
    remedy: {
      code: 'DRIVER_UNREACHABLE',
      hint: 'The server could not prove who it is (TLS): check `sslmode` and `sslrootcert` in DATABASE_URL, and that its certificate is valid for this host and trusted by this machine.',
    },
  },
  {
    code: /^(?:ECONNREFUSED|EACCES|ENOENT|ENOTDIR|ELOOP|ENAMETOOLONG|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT)$/,
    remedy: { code: 'DRIVER_UNREACHABLE', hint: REACH },
  },
  {
    // A full pool and a server that accepts connections without a word look alike to the pool.
    message: /^timeout exceeded when trying to connect|^Connection terminated due to connection timeout/,
    remedy: {
      code: 'DRIVER_UNREACHABLE',
      hint: `No connection was free or made in time. ${REACH} If it is busy, raise \`maxConnections\`.`,
    },
  },
  {
    // How pg says that the other side hung up, or answered in a language of its own.
    code: /^(?:ECONNRESET|EPIPE)$/,
    message: /^(?:Connection terminated|There was an error establishing|received invalid response)/i,
    remedy: {
      code: 'DRIVER_UNREACHABLE',
      hint: 'Check the host and port in DATABASE_URL: the server ended the connection, or something else than Postgres listens there.',
    },
  },
]

function remedyFor(code: string, message: string): Remedy {
  const known = REMEDIES.find((each) => each.code?.test(code) || each.message?.test(message))
  return known?.remedy ?? {}
}
