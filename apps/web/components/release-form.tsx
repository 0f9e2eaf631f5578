'use client'

import { trackEvent } from '@msc/analytics/browser'
import { useRouter } from 'next/navigation'
import { useEffect, useRef, useState, type FormEvent } from 'react'
import { api, type ApiProblem } from '@/lib/api-client'
import { dropDraft, keepDraft, readDraft, type Draft } from './drafts.ts'
import { Field, FormProblem } from './field.tsx'

/** The form's name among the drafts. */
const DRAFT = 'new-release'

export interface ReleaseFormProps {
  /** Who types: a draft is shown to nobody else. */
  readonly userId: string
  readonly artistName: string
  readonly genres: readonly string[]
  /** Names this release in all attempts to send it, so that two of them make one. */
  readonly formKey: string
  /** A form that was sent without scripts and refused. */
  readonly refused?: { readonly values: Readonly<Record<string, string>> } & ApiProblem
}

export function ReleaseForm({ userId, artistName, genres, formKey, refused }: ReleaseFormProps) {
  const router = useRouter()
  const [problem, setProblem] = useState<ApiProblem | undefined>(refused)
  const [busy, setBusy] = useState(false)
  const sending = useRef(false)
  const form = useRef<HTMLFormElement>(null)

  useEffect(() => {
    if (form.current && !refused) restore(form.current, readDraft(userId, DRAFT))
  }, [refused, userId])

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    if (sending.current) return
    sending.current = true
    setBusy(true)
    const { _key: key, ...values } = valuesOf(event.currentTarget)
    const result = await api<{ release: { id: string; genre: string } }>('/api/releases', values, { key })
    if (!result.ok) {
      sending.current = false
      setBusy(false)
      setProblem(result.problem)
      return focusOn(event.currentTarget ?? form.current, result.problem)
    }
    dropDraft(userId, DRAFT)
    trackEvent('release_form_completed', { genre: result.data.release.genre })
    router.push(`/releases/${result.data.release.id}`)
  }

  const issue = (path: string) => problem?.issues?.find((each) => each.path === path)?.message
  const value = (name: string) => refused?.values[name]
  return (
    <form
      ref={form}
      method="post"
      action="/api/releases"
      onSubmit={submit}
      onInput={(event) => keep(userId, event.currentTarget)}
      // The browser itself would fill it in again for whoever goes back to this page.
      autoComplete="off"
      className="card mt-6 space-y-5 p-6"
    >
      <input type="hidden" name="_key" value={formKey} />
      <Field
        name="title"
        label="Title"
        issue={issue('title')}
        required
        maxLength={200}
        placeholder="Night Drive"
        dir="auto"
        defaultValue={value('title')}
      />
      <Field
        name="artistName"
        label="Artist"
        issue={issue('artistName')}
        required
        maxLength={200}
        dir="auto"
        defaultValue={value('artistName') ?? artistName}
      />
      <div className="grid gap-5 sm:grid-cols-2">
        <div>
          <label className="label" htmlFor="genre">
            Genre
          </label>
          <select id="genre" name="genre" required className="field" defaultValue={value('genre')}>
            {genres.map((genre) => (
              <option key={genre}>{genre}</option>
            ))}
          </select>
        </div>
        <Field
          name="releaseDate"
          label="Release date"
          type="date"
          min="1900-01-01"
          max="2199-12-31"
          issue={issue('releaseDate')}
          required
          defaultValue={value('releaseDate')}
        />
      </div>
      <div>
        <label className="label" htmlFor="lyrics">
          Lyrics <span className="quiet font-normal">(optional)</span>
        </label>
        <textarea
          id="lyrics"
          name="lyrics"
          rows={8}
          dir="auto"
          maxLength={20_000}
          className="field font-mono"
          aria-invalid={issue('lyrics') !== undefined}
          aria-describedby={issue('lyrics') && 'lyrics-issue'}
          defaultValue={value('lyrics')}
        />
        {issue('lyrics') && (
          <p id="lyrics-issue" role="alert" className="mt-1 text-sm text-red-700 dark:text-red-400">
            {issue('lyrics')}
          </p>
        )}
      </div>
      {problem && !problem.issues?.length && <FormProblem title={problem.title} detail={problem.detail} />}
      <button type="submit" disabled={busy} className="button">
        {busy ? 'Saving…' : 'Create release'}
      </button>
    </form>
  )
}

function valuesOf(form: HTMLFormElement): Record<string, string> {
  return Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, String(value)]))
}

function keep(userId: string, form: HTMLFormElement): void {
  const { _key, ...values } = valuesOf(form)
  keepDraft(userId, DRAFT, values)
}

function restore(form: HTMLFormElement, draft: Draft): void {
  for (const [name, value] of Object.entries(draft)) {
    const field = form.elements.namedItem(name)
    if (field && 'value' in field) field.value = value
  }
}

function focusOn(form: HTMLFormElement | null, { issues }: ApiProblem): void {
  const field = issues?.[0] && form?.elements.namedItem(issues[0].path)
  if (field instanceof HTMLElement) field.focus()
}
