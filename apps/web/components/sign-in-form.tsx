'use client'

import { useRef, useState, type FormEvent } from 'react'
import { api } from '@/lib/api-client'
import { Field, FormProblem } from './field.tsx'

/**
 * @param next Where to go afterwards; a path of this site.
 * @param problem Why the form, which was sent without scripts, was refused.
 */
export function SignInForm({
  next,
  email,
  problem,
}: {
  next: string
  email?: string | undefined
  problem?: string | undefined
}) {
  const [error, setError] = useState(problem)
  const [busy, setBusy] = useState(false)
  // A state is seen by the next render only, and two presses of Enter may come before that.
  const sending = useRef(false)

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    if (sending.current) return
    sending.current = true
    setBusy(true)
    const form = new FormData(event.currentTarget)
    const result = await api('/api/auth/sign-in', { email: form.get('email'), password: form.get('password') })
    // A full page load, so that nothing of another user stays in memory.
    if (result.ok) return location.assign(next)
    sending.current = false
    setBusy(false)
    setError(
      result.problem.issues?.[0]?.message ?? [result.problem.title, result.problem.detail].filter(Boolean).join('. '),
    )
  }

  return (
    <form method="post" action="/api/auth/sign-in" onSubmit={submit} className="card mt-6 space-y-4 p-6">
      <input type="hidden" name="next" value={next} />
      <Field
        name="email"
        label="Email"
        type="email"
        required
        autoComplete="username"
        maxLength={254}
        defaultValue={email}
      />
      <Field
        name="password"
        label="Password"
        type="password"
        required
        autoComplete="current-password"
        maxLength={200}
      />
      {error && <FormProblem title={error} />}
      <button type="submit" disabled={busy} className="button w-full">
        {busy ? 'Signing in…' : 'Sign in'}
      </button>
    </form>
  )
}
