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
        // A full load: nothing of the last user may stay in memory.
        location.assign('/sign-in')
      }}
    >
      Sign out
    </button>
  )
}
