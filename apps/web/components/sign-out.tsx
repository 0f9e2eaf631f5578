'use client'

import { resetUser } from '@msc/analytics/browser'
import { leaveDrafts } from './owner.tsx'

/**
 * A form, so that signing out works without scripts. It loads a page, so nothing of the last user stays in memory; what they have
 * typed and not sent goes with them.
 */
export function SignOut() {
  const leave = (): void => {
    resetUser()
    leaveDrafts()
  }
  return (
    <form method="post" action="/api/auth/sign-out" onSubmit={leave}>
      <button type="submit" className="button-quiet">
        Sign out
      </button>
    </form>
  )
}
