'use client'

import { usePathname } from 'next/navigation'
import { useEffect } from 'react'
import { dropDrafts } from './drafts.ts'

const LEFT = '(left)'

/** Drops in all tabs what the person who signs out has typed and not sent. */
export function leaveDrafts(): void {
  dropDrafts()
  const tabs = openTabs()
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that of windows; channels are of one origin
  tabs?.postMessage(LEFT)
  tabs?.close()
}

/** A browser that refuses sites to store anything refuses this too, or has none. */
function openTabs(): BroadcastChannel | undefined {
  try {
    return new BroadcastChannel('msc-owner')
  } catch {
    return undefined
  }
}

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
    const tabs = openTabs()
    if (!tabs) return
    const own = userId ?? ''
    tabs.addEventListener('message', ({ data }) => {
      if (data === LEFT) dropDrafts()
      else if (typeof data === 'string' && data !== own) location.reload()
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
