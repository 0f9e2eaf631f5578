import { DriverError, toError } from '../errors/errors.ts'

export interface RequestFailureOptions {
  /** The driver's name. */
  readonly driver: string
  /** Where the request went; its host is named, and nothing else of it. */
  readonly url: string
  /** What to check, naming the variables: `Check NEXT_PUBLIC_POSTHOG_HOST.` */
  readonly address: string
}

interface Reason {
  readonly test: RegExp
  readonly message: (host: string) => string
  readonly hint: string
}

/** By the codes of Node, undici, Bun and OpenSSL. */
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
    message: (host) => `${host} could not prove who it is (TLS).`,
    hint: 'Is its certificate valid for this name, and trusted by this machine? Does the port speak TLS?',
  },
  {
    test: /^(?:ETIMEDOUT|UND_ERR_CONNECT_TIMEOUT|ConnectionTimeout)$/,
    message: (host) => `${host} did not accept a connection in time.`,
    hint: 'A firewall may be in between.',
  },
  {
    test: /^(?:EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL)$/,
    message: (host) => `There is no way to ${host} from this machine's network.`,
    hint: 'Is this machine connected?',
  },
  {
    test: /^(?:ECONNRESET|EPIPE|UND_ERR_SOCKET|ConnectionClosed)$/,
    message: (host) => `${host} closed the connection before it answered. The request failed.`,
    hint: 'It may be restarting, or a proxy may be in between.',
  },
]

/**
 * The error that a request without an answer means: which host, why as far as the runtime says it, and what to check.
 * Retryable; code `DRIVER_FAILED`. A browser never says why.
 */
export function requestFailure(thrown: unknown, { driver, url, address }: RequestFailureOptions): DriverError {
  const host = hostOf(url)
  const code = codeOf(thrown, 0)
  const reason = code === undefined ? undefined : REASONS.find(({ test }) => test.test(code))
  return new DriverError(driver, reason ? reason.message(host) : `The request to ${host} failed.`, {
    retryable: true,
    hint: reason ? `${reason.hint} ${address}` : address,
    cause: toError(thrown),
  })
}

function hostOf(url: string): string {
  // Never the rest: the key of a DSN is a part of it.
  return URL.parse(url)?.host || 'this server'
}

/** `fetch` hides the reason in a cause, and that of several addresses in a list. */
function codeOf(thrown: unknown, depth: number): string | undefined {
  try {
    const { code, cause, errors } = Object(thrown) as Readonly<Record<string, unknown>>
    if (typeof code === 'string') return code
    if (depth > 3) return undefined
    return codeOf(cause ?? (Array.isArray(errors) ? errors[0] : undefined), depth + 1)
  } catch {
    // A getter of something that only looks like an error.
    return undefined
  }
}
