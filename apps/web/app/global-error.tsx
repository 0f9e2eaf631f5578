'use client'

import { WentWrong, type WentWrongProps } from '../components/went-wrong.tsx'
import './globals.css'

/** Shown when the layout itself fails, so it renders its own document. */
export default function GlobalError(props: WentWrongProps) {
  return (
    <html lang="en">
      <body className="min-h-dvh">
        <main className="mx-auto max-w-5xl px-4 py-24 text-center">
          <WentWrong {...props} />
        </main>
      </body>
    </html>
  )
}
