'use client'

import { trackEvent } from '@msc/analytics/browser'
import { useRouter } from 'next/navigation'
import { useState, type FormEvent } from 'react'
import { api, type ApiProblem } from '@/lib/api-client'

export function ReleaseForm({ artistName, genres }: { artistName: string; genres: readonly string[] }) {
  const router = useRouter()
  const [problem, setProblem] = useState<ApiProblem>()
  const [busy, setBusy] = useState(false)

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    setBusy(true)
    const values = Object.fromEntries(new FormData(event.currentTarget))
    const result = await api<{ release: { id: string; genre: string } }>('/api/releases', values)
    if (!result.ok) {
      setBusy(false)
      return setProblem(result.problem)
    }
    trackEvent('release_form_completed', { genre: result.data.release.genre })
    router.push(`/releases/${result.data.release.id}`)
  }

  const issue = (path: string) => problem?.issues?.find((each) => each.path === path)?.message
  return (
    <form onSubmit={submit} className="card mt-6 space-y-5 p-6">
      <Field name="title" label="Title" issue={issue('title')} required maxLength={200} placeholder="Night Drive" />
      <Field
        name="artistName"
        label="Artist"
        issue={issue('artistName')}
        required
        maxLength={200}
        defaultValue={artistName}
      />
      <div className="grid gap-5 sm:grid-cols-2">
        <div>
          <label className="label" htmlFor="genre">
            Genre
          </label>
          <select id="genre" name="genre" required className="field">
            {genres.map((genre) => (
              <option key={genre}>{genre}</option>
            ))}
          </select>
        </div>
        <Field name="releaseDate" label="Release date" type="date" issue={issue('releaseDate')} required />
      </div>
      <div>
        <label className="label" htmlFor="lyrics">
          Lyrics <span className="quiet font-normal">(optional)</span>
        </label>
        <textarea id="lyrics" name="lyrics" rows={8} maxLength={20_000} className="field font-mono" />
      </div>
      {problem && !problem.issues && (
        <p role="alert" className="text-sm text-red-700 dark:text-red-400">
          {problem.title}. {problem.detail}
        </p>
      )}
      <button type="submit" disabled={busy} className="button">
        {busy ? 'Saving…' : 'Create release'}
      </button>
    </form>
  )
}

function Field({
  name,
  label,
  issue,
  ...input
}: { name: string; label: string; issue: string | undefined } & React.InputHTMLAttributes<HTMLInputElement>) {
  return (
    <div>
      <label className="label" htmlFor={name}>
        {label}
      </label>
      <input
        id={name}
        name={name}
        className="field"
        aria-invalid={issue !== undefined}
        aria-describedby={`${name}-issue`}
        {...input}
      />
      <p
        id={`${name}-issue`}
        role={issue ? 'alert' : undefined}
        className="mt-1 text-sm text-red-700 empty:hidden dark:text-red-400"
      >
        {issue}
      </p>
    </div>
  )
}
