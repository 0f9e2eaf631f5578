'use client'

import { captureException } from '@msc/monitoring/browser'
import { useEffect } from 'react'
import './globals.css'

/** Shown when the layout itself fails, so it renders its own document. */
export default function GlobalError({ error, reset }: { error: Error & { digest?: string }; reset: () => void }) {
  useEffect(() => {
    if (!error.digest) captureException(error)
  }, [error])
  return (
    <html lang="en">
      <body className="min-h-dvh">
        <main className="mx-auto max-w-5xl px-4 py-24 text-center">
          <h1 className="text-2xl font-semibold tracking-tight">Something went wrong</h1>
          <p className="quiet mt-2">The error has been recorded. You can try again.</p>
          {error.digest && <p className="quiet mt-1 font-mono text-xs">Reference {error.digest}</p>}
          <button type="button" onClick={reset} className="button mt-6">
            Try again
          </button>
        </main>
      </body>
    </html>
  )
}
