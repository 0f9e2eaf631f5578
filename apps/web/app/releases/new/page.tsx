import { randomHex } from '@msc/core'
import type { Metadata } from 'next'
import { ReleaseForm } from '@/components/release-form'
import { recalled, type Search } from '@/lib/forms/recalled'
import { genres } from '@/lib/releases'
import { requireUser } from '@/lib/session/auth'

export const metadata: Metadata = { title: 'New release' }

export default async function NewReleasePage({ searchParams }: { searchParams: Search }) {
  const user = await requireUser()
  const refused = await recalled(await searchParams, user)
  return (
    <div className="mx-auto max-w-2xl">
      <h1 className="text-2xl font-semibold tracking-tight">New release</h1>
      <p className="quiet mt-1 text-sm">Saved as a draft. Add lyrics and they are analysed while you go on working.</p>
      <ReleaseForm
        userId={user.id}
        artistName={user.name}
        genres={genres}
        formKey={randomHex(16)}
        {...(refused && { refused: { ...refused, status: 422 } })}
      />
    </div>
  )
}
