import { DriverError, toError } from '../errors/errors.ts'

export interface RequestFailureOptions {
  /** The driver's name. */
  readonly driver: string
  /** The request's URL. Only its host appears in the message. */
  readonly url: string
  /** The hint, which names the variables to check: `Check NEXT_PUBLIC_POSTHOG_HOST.` */
  readonly address: string
}

interface Reason {
  readonly test: RegExp
  readonly message: (host: string) => string
  readonly hint: string
}

/** Matches the error codes of Node, undici, Bun and OpenSSL. */
const REASONS: readonly Reason[] = [
  {
    test: /^(?:ECONNREFUSED|ConnectionRefused)$/,
    message: (host) => `${host} refused the connection.`,
    hint: 'Is the server running, and is the port right?',
  },
  {
    test: /^(?:ENOTFOUND|EAI_\w+|EDNS|ERR_DNS\w*)$/,
    message: (host) => `The name ${host} was not found (DNS).`,
    hint: 'Is it spelled right, and can this machine resolve names?',
  },
  {
    test: /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|^ERR_(?:SSL|TLS)|^EPROTO$/,
    message: (host) => `The TLS handshake with ${host} failed.`,
    hint: 'Is its certificate valid for this name and trusted by this machine? Does the port speak TLS?',
  },
  {
    test: /^(?:ETIMEDOUT|UND_ERR_CONNECT_TIMEOUT|ConnectionTimeout)$/,
    message: (host) => `${host} did not accept a connection in time.`,
    hint: 'A firewall may block it.',
  },
  {
    test: /^(?:EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL)$/,
    message: (host) => `${host} is unreachable from this machine's network.`,
    hint: 'Is this machine online?',
  },
  {
    test: /^(?:ECONNRESET|EPIPE|UND_ERR_SOCKET|ConnectionClosed)$/,
    message: (host) => `${host} closed the connection before it answered.`,
    hint: 'It may be restarting, or a proxy may be in between.',
  },
]

/**
 * Returns the error for a request that got no answer. It names the host, the reason if the runtime gives one (browsers never
 * do), and what to check. It is retryable and has the code `DRIVER_UNREACHABLE`.
 */
export function requestFailure(thrown: unknown, { driver, url, address }: RequestFailureOptions): DriverError {
  const host = hostOf(url)
  const code = codeOf(thrown, 0)
  const reason = code === undefined ? undefined : REASONS.find(({ test }) => test.test(code))
  return new DriverError(driver, reason ? reason.message(host) : `The request to ${host} failed.`, {
    code: 'DRIVER_UNREACHABLE',
    retryable: true,
    hint: reason ? `${reason.hint} ${address}` : address,
    cause: toError(thrown),
  })
}

function hostOf(url: string): string {
  // Only the host: the rest of a DSN contains its key.
  return URL.parse(url)?.host || 'this server'
}

/** `fetch` puts the reason into `cause`, and into `errors` there if it tried several addresses. */
function codeOf(thrown: unknown, depth: number): string | undefined {
  try {
    const { code, cause, errors } = Object(thrown) as Readonly<Record<string, unknown>>
    if (typeof code === 'string') return code
    if (depth > 3) return undefined
    return codeOf(cause ?? (Array.isArray(errors) ? errors[0] : undefined), depth + 1)
  } catch {
    // A property of a foreign object may be a getter that throws.
    return undefined
  }
}
