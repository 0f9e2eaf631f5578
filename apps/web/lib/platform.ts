import { getDefaultAnalytics } from '@msc/analytics'
import { getDefaultCache } from '@msc/cache'
import { processSlot, type Service } from '@msc/core'
import { getDefaultCron } from '@msc/cron'
import { getDefaultJobs } from '@msc/jobs'
import { getDefaultMonitoring } from '@msc/monitoring'
import { createPlatform, getDefaultDatabase, type Platform } from '@msc/platform'
import { getDefaultRealtime } from '@msc/realtime'
import { outbox } from './outbox.ts'
import { sessions } from './session/session.ts'

/**
 * Composes the services, once per process, so that it is known since when one is down. They close in reverse order, so that
 * monitoring, which reports the others' failures, closes last, and the database only when nobody needs it any more.
 */
export function platform(): Platform<Record<string, Service>> {
  return processSlot('web/platform', () => createPlatform({ services: services() }))
}

function services(): Record<string, Service> {
  return {
    monitoring: getDefaultMonitoring(),
    database: getDefaultDatabase(),
    cache: getDefaultCache(),
    analytics: getDefaultAnalytics(),
    jobs: getDefaultJobs(),
    realtime: getDefaultRealtime(),
    cron: getDefaultCron(),
    sessions: sessions(),
    outbox: outbox(),
  }
}
