'use client'

import { captureException } from '@msc/monitoring/browser'
import { useEffect, useSyncExternalStore, useTransition } from 'react'

export interface WentWrongProps {
  readonly error: Error & { digest?: string }
  /** Asks the server for the page again, and shows it. */
  readonly retry: () => void
}

/** Replaces the part of a page that failed to render, and reports errors that happened in the browser. */
export function WentWrong({ error, retry }: WentWrongProps) {
  const [trying, startTrying] = useTransition()
  useEffect(() => {
    // An error with a digest happened on the server, which has already reported it.
    if (!error.digest) captureException(error)
  }, [error])
  return (
    <>
      <h1 className="text-2xl font-semibold tracking-tight">This page could not be shown</h1>
      <p className="quiet mt-2">Nothing was changed, and the error has been recorded.</p>
      {error.digest && (
        <p className="quiet mt-1 text-sm">
          Reference <Reference digest={error.digest} />
        </p>
      )}
      <button type="button" onClick={() => startTrying(retry)} disabled={trying} className="button mt-6">
        {trying ? 'Trying…' : 'Try again'}
      </button>
    </>
  )
}

const never = () => () => undefined

/** A link to the issue for admins, whom the layout marks; the console knows nobody else. */
function Reference({ digest }: { digest: string }) {
  const isAdmin = useSyncExternalStore(
    never,
    () => document.body.dataset['admin'] !== undefined,
    () => false,
  )
  if (!isAdmin) return <code>{digest}</code>
  return (
    <a href={`/devtools/errors?reference=${encodeURIComponent(digest)}`} className="font-mono underline">
      {digest}
    </a>
  )
}
