import { getDefaultAnalytics } from '@msc/analytics'
import { getDefaultCache } from '@msc/cache'
import { getDefaultCron } from '@msc/cron'
import { getDefaultJobs } from '@msc/jobs'
import { getDefaultMonitoring } from '@msc/monitoring'
import { createPlatform, type Platform } from '@msc/platform'
import { getDefaultRealtime } from '@msc/realtime'

/**
 * Composes the six concerns. They close in reverse order, so that monitoring, which reports the others' failures,
 * closes last.
 */
export function platform(): Platform<Record<string, ReturnType<typeof services>[keyof ReturnType<typeof services>]>> {
  return createPlatform({ services: services() })
}

function services() {
  return {
    monitoring: getDefaultMonitoring(),
    cache: getDefaultCache(),
    analytics: getDefaultAnalytics(),
    jobs: getDefaultJobs(),
    realtime: getDefaultRealtime(),
    cron: getDefaultCron(),
  }
}
