import {
  ConfigError,
  assertMethods,
  assertNumbers,
  deadline,
  isRecord,
  readField,
  redact,
  toError,
  worstStatus,
  type Health,
  type Service,
  type Status,
} from '@msc/core'

export interface PlatformOptions<Services extends Record<string, Service>> {
  readonly services: Services
  /** Milliseconds that each service has for a health check, a flush or a close. Default 3 000. */
  readonly timeoutMs?: number
}

export interface PlatformHealth {
  /** The worst of all services. */
  readonly status: Status
  readonly checkedAt: string
  readonly services: readonly ServiceHealth[]
}

export interface ServiceHealth extends Health {
  /**
   * Since when it is not ready: when a check found it so for the first time, or the earlier failure that the service reports. ISO 8601;
   * absent while it is ready. As exact as the checks are frequent.
   */
  readonly since?: string
}

export interface Platform<Services extends Record<string, Service>> {
  readonly services: Services
  /** Checks every service at once, with a real round trip each. Never rejects: a service that fails is `down`. */
  health(): Promise<PlatformHealth>
  /** Flushes every service. Returns the names of those that did not finish in time. */
  flush(): Promise<string[]>
  /**
   * Closes in reverse order of composition, each service within the time limit. Idempotent. Returns the names of those
   * that did not finish.
   */
  close(): Promise<string[]>
}

/** Extra time for a service that keeps the time limit by itself, before it is given up. */
const GRACE_MS = 500

const SERVICE_METHODS: readonly (keyof Service)[] = ['health', 'flush', 'close']

const STATUSES: readonly unknown[] = ['ready', 'degraded', 'down', 'not-configured'] satisfies readonly Status[]

/** A service may be the application's own: an unknown status must not count as ready. */
function isHealth(health: Health | undefined): health is Health {
  return STATUSES.includes(health?.status)
}

function textOf(value: unknown, otherwise: string): string {
  return typeof value === 'string' ? value : otherwise
}

/**
 * Composes several services into one with health, flush and close.
 *
 * @throws ConfigError `OPTION_INVALID` for a service that lacks one of the three, and for an invalid `timeoutMs`.
 */
export function createPlatform<Services extends Record<string, Service>>(
  options: PlatformOptions<Services>,
): Platform<Services> {
  assertNumbers('platform', options, { timeoutMs: 1 })
  const { services, timeoutMs = 3000 } = options
  if (!isRecord(services)) {
    throw new ConfigError('[msc/platform] `services` is not an object.', {
      code: 'OPTION_INVALID',
      hint: 'Pass the services by name: { services: { cache: configureCache() } }.',
    })
  }
  const entries = Object.entries(services)
  for (const [name, service] of entries) assertMethods('platform', `services.${name}`, service, SERVICE_METHODS)
  let closing: Promise<string[]> | undefined
  const troubles = createTroubles()

  const bounded = async (name: string, operation: string, run: () => Promise<void>): Promise<string | undefined> => {
    try {
      await deadline(run, { operation: `${name}.${operation}`, timeoutMs: timeoutMs + GRACE_MS })
      return undefined
    } catch {
      return name
    }
  }
  const failures = (results: readonly (string | undefined)[]): string[] => results.filter((name) => name !== undefined)

  return {
    services,
    async health() {
      const all = await Promise.all(
        entries.map(async ([name, service]): Promise<Health> => {
          try {
            // The service's own time limit ends first, because its answer names the backend that is silent.
            const health = await deadline(() => service.health({ timeoutMs }), {
              operation: `${name}.health`,
              timeoutMs: timeoutMs + GRACE_MS,
            })
            if (isHealth(health)) return health
            throw new Error(`${name}.health returned an invalid value.`)
          } catch (error) {
            // A service may be the application's own, and reading any of these fields may throw.
            return {
              concern: textOf(readField(service, 'concern'), name),
              driver: textOf(readField(service, 'driverName'), 'unknown'),
              status: 'down',
              detail: redact(textOf(readField(toError(error), 'message'), 'It failed without a message.')) as string,
            }
          }
        }),
      )
      return {
        status: worstStatus(all.map(({ status }) => status)),
        checkedAt: new Date().toISOString(),
        services: all.map((health, index) => troubles.dated((entries[index] as (typeof entries)[number])[0], health)),
      }
    },
    async flush() {
      return failures(
        await Promise.all(entries.map(([name, each]) => bounded(name, 'flush', () => each.flush({ timeoutMs })))),
      )
    },
    close() {
      closing ??= (async () => {
        const late: (string | undefined)[] = []
        for (const [name, each] of entries.toReversed())
          late.push(await bounded(name, 'close', () => each.close({ timeoutMs })))
        return failures(late)
      })()
      return closing
    },
  }
}

/** Remembers since when each service is not ready. */
function createTroubles(): { dated(name: string, health: Health): ServiceHealth } {
  const since = new Map<string, number>()
  return {
    dated(name, health) {
      if (health.status === 'ready' || health.status === 'not-configured') {
        since.delete(name)
        return health
      }
      const now = Date.now()
      const began = since.get(name) ?? Math.min(now, health.lastError?.at ?? now)
      since.set(name, began)
      return { ...health, since: new Date(began).toISOString() }
    },
  }
}
