'use client'

import { captureException } from '@msc/monitoring/browser'
import { useEffect } from 'react'

export interface WentWrongProps {
  readonly error: Error & { digest?: string }
  readonly reset: () => void
}

/** Replaces the part of a page that failed to render, and reports errors that happened in the browser. */
export function WentWrong({ error, reset }: WentWrongProps) {
  useEffect(() => {
    // An error with a digest happened on the server, which has already reported it.
    if (!error.digest) captureException(error)
  }, [error])
  return (
    <>
      <h1 className="text-2xl font-semibold tracking-tight">Something went wrong</h1>
      <p className="quiet mt-2">The error has been recorded. You can try again.</p>
      {error.digest && <p className="quiet mt-1 font-mono text-xs">Reference {error.digest}</p>}
      <button type="button" onClick={reset} className="button mt-6">
        Try again
      </button>
    </>
  )
}
