'use client'

import { useState, type FormEvent } from 'react'
import { api } from '@/lib/api-client'

export function SignInForm() {
  const [error, setError] = useState<string>()
  const [busy, setBusy] = useState(false)

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    setBusy(true)
    const result = await api('/api/auth/sign-in', { email: form.get('email'), password: form.get('password') })
    if (result.ok) return location.assign('/')
    setBusy(false)
    setError(result.problem.issues?.[0]?.message ?? result.problem.title)
  }

  return (
    <form onSubmit={submit} className="card mt-6 space-y-4 p-6">
      <div>
        <label className="label" htmlFor="email">
          Email
        </label>
        <input id="email" name="email" type="email" required autoComplete="username" className="field" />
      </div>
      <div>
        <label className="label" htmlFor="password">
          Password
        </label>
        <input
          id="password"
          name="password"
          type="password"
          required
          autoComplete="current-password"
          className="field"
        />
      </div>
      {error && (
        <p role="alert" className="text-sm text-red-700 dark:text-red-400">
          {error}
        </p>
      )}
      <button type="submit" disabled={busy} className="button w-full">
        {busy ? 'Signing in…' : 'Sign in'}
      </button>
    </form>
  )
}
