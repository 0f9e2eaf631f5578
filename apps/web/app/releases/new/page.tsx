import type { Metadata } from 'next'
import { ReleaseForm } from '@/components/release-form'
import { requireUser } from '@/lib/session/auth'
import { genres } from '@/lib/releases'

export const metadata: Metadata = { title: 'New release' }

export default async function NewReleasePage() {
  const user = await requireUser()
  return (
    <div className="mx-auto max-w-2xl">
      <h1 className="text-2xl font-semibold tracking-tight">New release</h1>
      <p className="quiet mt-1 text-sm">Saved as a draft. Add lyrics and they are analysed while you go on working.</p>
      <ReleaseForm artistName={user.name} genres={genres} />
    </div>
  )
}
