import type { Metadata } from 'next'
import { redirect } from 'next/navigation'
import { SignInForm } from '@/components/sign-in-form'
import { currentUser } from '@/lib/session/auth'

export const metadata: Metadata = { title: 'Sign in' }

export default async function SignInPage() {
  if (await currentUser()) redirect('/')
  return (
    <div className="mx-auto max-w-sm py-8">
      <h1 className="text-2xl font-semibold tracking-tight">Sign in</h1>
      <p className="quiet mt-1 text-sm">Releases, analysis and earnings in one place.</p>
      <SignInForm />
    </div>
  )
}
