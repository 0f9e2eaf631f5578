import { localPath } from '@msc/platform'
import type { Metadata } from 'next'
import { redirect } from 'next/navigation'
import { SignInForm } from '@/components/sign-in-form'
import { recalled, type Search } from '@/lib/forms/recalled'
import { currentUser } from '@/lib/session/auth'

export const metadata: Metadata = { title: 'Sign in' }

export default async function SignInPage({ searchParams }: { searchParams: Search }) {
  const search = await searchParams
  const next = localPath(search['next'])
  if (await currentUser()) redirect(next)
  const refused = await recalled(search, undefined)
  return (
    <div className="mx-auto max-w-sm py-8">
      <h1 className="text-2xl font-semibold tracking-tight">Sign in</h1>
      <p className="quiet mt-1 text-sm">
        {next === '/'
          ? 'Your releases and their analysis in one place.'
          : 'Then you come back to the page that you asked for.'}
      </p>
      <SignInForm
        next={next}
        email={refused?.values['email']}
        problem={refused && (refused.issues[0]?.message ?? [refused.title, refused.detail].filter(Boolean).join('. '))}
      />
    </div>
  )
}
