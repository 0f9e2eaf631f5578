'use client'

import { resetUser } from '@msc/analytics/browser'

export function SignOut() {
  return (
    <button
      type="button"
      className="button-quiet"
      onClick={async () => {
        await fetch('/api/auth/sign-out', { method: 'POST' })
        resetUser()
        // A full page load, so that nothing of the last user stays in memory.
        location.assign('/sign-in')
      }}
    >
      Sign out
    </button>
  )
}
