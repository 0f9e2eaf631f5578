'use client'

import { resetUser } from '@msc/analytics/browser'

/** A form, so that signing out works without scripts. It loads a page, so nothing of the last user stays in memory. */
export function SignOut() {
  return (
    <form method="post" action="/api/auth/sign-out" onSubmit={() => resetUser()}>
      <button type="submit" className="button-quiet">
        Sign out
      </button>
    </form>
  )
}
