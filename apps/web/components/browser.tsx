'use client'

import { identifyUser, initAnalytics, trackPageView } from '@msc/analytics/browser'
import { initMonitoring, setUser } from '@msc/monitoring/browser'
import { usePathname } from 'next/navigation'
import { useEffect } from 'react'
import type { PublicConfig } from '@/lib/public-config'

/** Starts error reporting and analytics in the browser. Renders nothing. */
export function Browser({ config, userId }: { config: PublicConfig; userId: string | undefined }) {
  const path = usePathname()
  const { sentryDsn: dsn, ingestUrl, release } = config
  const { key, host } = config.posthog ?? {}
  useEffect(() => {
    initMonitoring({ ingestUrl, release, ...(dsn && { dsn }) })
    initAnalytics({ ingestUrl, ...(key && { key }), ...(host && { host }) })
    // A second call of either does nothing; the configuration does not change while the page lives.
  }, [dsn, key, host, ingestUrl, release])
  useEffect(() => {
    setUser(userId === undefined ? null : { id: userId })
    if (userId !== undefined) identifyUser(userId)
  }, [userId])
  useEffect(() => trackPageView(path), [path])
  return null
}
