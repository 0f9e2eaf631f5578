import { createAnalyticsFromEnv } from '@msc/analytics'
import { createCacheFromEnv } from '@msc/cache'
import { MscError, processEnv, toError, type Env, type Health, type Service } from '@msc/core'
import { createCronFromEnv } from '@msc/cron'
import { createJobsFromEnv } from '@msc/jobs'
import { createMonitoringFromEnv } from '@msc/monitoring'
import { createRealtimeFromEnv } from '@msc/realtime'
import { createPlatform } from '../create-platform.ts'
import { oneLine } from './one-line.ts'

const CONCERNS: Readonly<Record<string, (env: Env) => Service>> = {
  monitoring: (env) => createMonitoringFromEnv({ telemetry: false }, env),
  cache: (env) => createCacheFromEnv({}, env),
  analytics: (env) => createAnalyticsFromEnv({}, env),
  jobs: (env) => createJobsFromEnv({ jobs: [] }, env),
  realtime: (env) => createRealtimeFromEnv({}, env),
  cron: (env) => createCronFromEnv({ crons: [] }, env),
}
const MARKS = { ready: '✓', degraded: '~', down: '✗', 'not-configured': '–' } as const

/**
 * Makes every concern from the environment, as the application would, and asks each for a round trip.
 *
 * An embedded realtime server lives inside the application: here only its choice is checked.
 */
async function examine(env: Env, timeoutMs: number): Promise<Health[]> {
  const services: Record<string, Service> = {}
  const findings = new Map<string, Health>()
  for (const [concern, create] of Object.entries(CONCERNS)) {
    try {
      const service = create({ ...env, MSC_QUIET: '1' })
      if (concern === 'realtime' && service.driverName === 'embedded') {
        findings.set(concern, { concern, driver: 'embedded', status: 'ready', detail: 'runs inside the application' })
        await service.close()
      } else {
        services[concern] = service
      }
    } catch (error) {
      findings.set(concern, {
        concern,
        driver: '–',
        status: 'down',
        detail: toError(error).message,
        ...(MscError.isInstance(error) && { code: error.code, ...(error.hint !== undefined && { hint: error.hint }) }),
      })
    }
  }
  const platform = createPlatform({ services, timeoutMs })
  const health = await platform.health()
  await platform.close()
  for (const each of health.services) findings.set(each.concern, each)
  return Object.keys(CONCERNS).map((concern) => findings.get(concern) as Health)
}

/** Prints a line for each concern; resolves with the exit code: 1 when one is down or wrongly configured. */
export async function doctor(options: {
  readonly json: boolean
  readonly env?: Env
  /** Milliseconds for one round trip. Default 5 000. */
  readonly timeoutMs?: number
  readonly write?: (text: string) => void
}): Promise<number> {
  const { json, env = processEnv(), timeoutMs = 5000, write = (text) => process.stdout.write(text) } = options
  const findings = await examine(env, timeoutMs)
  if (json) write(`${JSON.stringify({ services: findings }, null, 2)}\n`)
  else for (const finding of findings) write(line(finding))
  return findings.some(({ status }) => status === 'down') ? 1 : 0
}

function line({ concern, driver, status, latencyMs, detail, hint }: Health): string {
  const latency = latencyMs === undefined ? '' : `  ${latencyMs.toFixed(1)} ms`
  const head = `${concern.padEnd(11)} → ${driver} ${MARKS[status]}${status === 'down' ? '' : latency}`
  return [head, detail && `              ${detail}`, hint && `              ${hint}`]
    .filter((part) => part !== undefined && part !== '')
    .map((part) => `${oneLine(part as string)}\n`)
    .join('')
}
