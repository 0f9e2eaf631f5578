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
  const { hint = statementHint(code), ...remedy } = remedyFor(code, message)
  return new DriverError(driver, message, {
    retryable: !/^(?:0A|22|28|3D|42|P0)/.test(code),
    cause: error,
    ...remedy,
    hint: hint.replaceAll('DATABASE_URL', variable).replace('<what>', needs),
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

const APPENDIX = 'https://www.postgresql.org/docs/current/errcodes-appendix.html'

/** Where to look for what a statement failed with, by the beginning of its SQLSTATE. */
const STATEMENTS: readonly (readonly [begins: string, look: string])[] = [
  ['0A', 'this version of the server can not do that: compare its version with what the statement needs.'],
  ['22', 'a value does not fit where it goes: look at the types in the statement, and at what was passed for them.'],
  ['23', 'the row breaks a constraint: `constraint`, `table` and `column` of `cause` name it.'],
  ['25P02', 'a statement before this one has failed, and its error says why.'],
  ['3B', 'there is no such savepoint in this transaction.'],
  ['3F', 'a schema is missing: see that the migrations were applied to the database in DATABASE_URL.'],
  [
    '42P01',
    'a table is missing: see that the migrations were applied to the database in DATABASE_URL, and that `search_path` leads to it.',
  ],
  [
    '42703',
    'a column is missing: see that the code and the migrations in the database in DATABASE_URL are of one version.',
  ],
  ['42883', 'a function is missing, or takes other types: see that the migrations were applied, and cast the values.'],
  ['42', 'the statement is wrong, or names what is not there: `position` of `cause` says where.'],
  ['53', 'the server has run out of something: look at its disk, memory and settings.'],
  ['54', 'the statement is larger than the server takes: do it in parts.'],
  ['55P03', 'somebody else holds the lock: look in pg_stat_activity and pg_locks, and try again.'],
  ['55', 'the object is not in the state that this needs, or in use: look in pg_stat_activity.'],
  ['57014', 'it was cancelled or took too long: see `statement_timeout` of the role, and what it waited for.'],
  ['57', "an administrator or the server's end has stopped it: try again."],
  ['58', "the server's system failed: look at its log and its disk."],
  ['P0', 'a function or trigger of the database has raised it: `where` of `cause` says which.'],
  ['XX', 'something is wrong inside the server: look at its log.'],
]

/** Names the SQLSTATE, which holds nothing of anybody's data, and says where to look. */
function statementHint(code: string): string {
  // Codes of the system have five letters too, but no digit.
  if (!/^(?=.*\d)[\dA-Z]{5}$/.test(code)) {
    return 'Read the message, and the log of the server in DATABASE_URL if it was reached.'
  }
  const look = STATEMENTS.find(([begins]) => code.startsWith(begins))?.[1] ?? `see ${APPENDIX}.`
  return `SQLSTATE ${code}: ${look}`
}
