'use client'

import { usePathname } from 'next/navigation'
import { useEffect } from 'react'
import { dropDrafts } from './drafts.ts'

/**
 * Says to whom this tab belongs. What somebody else has typed in it is dropped; of nobody all is, but on the sign-in page, from which
 * the same person comes back to it. The other tabs of the browser have the same cookie, so they are told too: what they still show
 * may be of the person before. Renders nothing.
 */
export function Owner({ userId }: { userId: string | undefined }) {
  const path = usePathname()
  useEffect(() => {
    if (userId !== undefined || path !== '/sign-in') dropDrafts(userId)
  }, [userId, path])
  useEffect(() => {
    if (typeof BroadcastChannel === 'undefined') return
    const tabs = new BroadcastChannel('msc-owner')
    const own = userId ?? ''
    tabs.addEventListener('message', ({ data }) => {
      if (typeof data === 'string' && data !== own) location.reload()
    })
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that of windows; channels are of one origin
    tabs.postMessage(own)
    return () => tabs.close()
  }, [userId])
  useEffect(() => {
    // A page that the browser has put aside whole has not been told of what happened meanwhile.
    const shown = ({ persisted }: PageTransitionEvent): void => {
      if (persisted) location.reload()
    }
    window.addEventListener('pageshow', shown)
    return () => window.removeEventListener('pageshow', shown)
  }, [])
  return null
}
