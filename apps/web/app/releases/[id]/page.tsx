import type { Metadata } from 'next'
import Link from 'next/link'
import { Missing } from '@/components/missing'
import { Cover, StatusBadge } from '@/components/release-card'
import { requireUser } from '@/lib/session/auth'
import type { LyricsAnalysis } from '@/lib/lyrics'
import { analysisState, type AnalysisState } from '@/lib/analysis-state'
import { getRelease, type Release } from '@/lib/releases'
import type { User } from '@/lib/session/session'
import { recalled, type Search } from '@/lib/forms/recalled'
import { FormProblem } from '@/components/field'

interface Props {
  params: Promise<{ id: string }>
  searchParams: Search
}

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  const release = await getRelease(await requireUser(), (await params).id)
  return { title: release?.title ?? 'Not found' }
}

export default async function ReleasePage({ params, searchParams }: Props) {
  const user = await requireUser()
  const release = await getRelease(user, (await params).id)
  if (!release) return <Missing />
  const [state, refused] = await Promise.all([analysisState(release), recalled(await searchParams, user)])
  return (
    <>
      <Link href="/releases" className="quiet text-sm hover:underline">
        ← Releases
      </Link>
      <div className="mt-4 flex items-start gap-5">
        <Cover title={release.title} large />
        <div className="min-w-0">
          <h1 className="text-2xl font-semibold tracking-tight">
            <bdi>{release.title}</bdi>
          </h1>
          <p className="quiet">
            <bdi>{release.artistName}</bdi> · {release.genre} ·{' '}
            <span className="whitespace-nowrap">{release.releaseDate}</span>
          </p>
          <div className="mt-2">
            <StatusBadge status={release.status} />
          </div>
        </div>
      </div>
      {release.reviewNote && (
        <p className="card mt-6 p-5 text-sm">
          <strong className="font-medium">Sent back:</strong> <bdi>{release.reviewNote}</bdi>
        </p>
      )}
      {refused && (
        <div className="mt-6">
          <FormProblem title={refused.issues[0]?.message ?? refused.title} detail={refused.detail} />
        </div>
      )}
      <Steps release={release} user={user} />
      <div className="mt-8 grid grid-cols-1 gap-8 lg:grid-cols-2">
        <section aria-labelledby="analysis" className="min-w-0">
          <h2 id="analysis" className="mb-3 font-medium">
            Lyrics analysis
          </h2>
          {release.analysis ? <Analysis analysis={release.analysis} /> : <Waiting id={release.id} analysis={state} />}
        </section>
        <section aria-labelledby="lyrics" className="min-w-0">
          <h2 id="lyrics" className="mb-3 font-medium">
            Lyrics
          </h2>
          <div className="card p-5">
            {release.lyrics ? (
              <p className="text-sm/7 whitespace-pre-wrap [unicode-bidi:plaintext]">{release.lyrics}</p>
            ) : (
              <p className="quiet text-sm">No lyrics.</p>
            )}
          </div>
        </section>
      </div>
    </>
  )
}

/** The steps that this person may take from here. Each is a form, which works without scripts. */
function Steps({ release: { id, status, userId, version }, user }: { release: Release; user: User }) {
  const mine = userId === user.id
  const admin = user.role === 'admin'
  return (
    <div className="mt-6 flex flex-wrap items-end gap-3">
      {mine && status === 'draft' && (
        <div className="flex flex-wrap items-start gap-3">
          <Step id={id} to="submitted" label="Submit for review" main />
          <details>
            <summary className="button-quiet cursor-pointer list-none">Delete draft…</summary>
            <form method="post" action={`/api/releases/${id}/delete`} className="mt-2">
              <button type="submit" className="button-quiet">
                Delete it for good
              </button>
            </form>
          </details>
        </div>
      )}
      {mine && status === 'submitted' && <Step id={id} to="draft" label="Take back to change it" />}
      {admin && status === 'submitted' && <Step id={id} to="live" label="Publish" version={version} main />}
      {admin && !mine && status === 'submitted' && <Step id={id} to="draft" label="Send back" reason />}
      {admin && status === 'live' && <Step id={id} to="draft" label="Take down" reason={!mine} />}
    </div>
  )
}

function Step({
  id,
  to,
  label,
  main = false,
  reason = false,
  version,
}: {
  id: string
  to: Release['status']
  label: string
  main?: boolean
  reason?: boolean
  version?: number
}) {
  return (
    <form
      method="post"
      action={`/api/releases/${id}/status`}
      // Otherwise the browser shows the next person what this one has begun to write.
      autoComplete="off"
      className="flex flex-wrap items-end gap-2"
    >
      <input type="hidden" name="to" value={to} />
      {version !== undefined && <input type="hidden" name="version" value={version} />}
      {reason && (
        <div>
          <label htmlFor={`note-${to}`} className="label">
            Reason, for the artist to read
          </label>
          <input id={`note-${to}`} name="note" required maxLength={2000} className="field" />
        </div>
      )}
      <button type="submit" className={main ? 'button' : 'button-quiet'}>
        {label}
      </button>
    </form>
  )
}

/** Says what the job engine says of the analysis, and never that it goes on when nothing does. */
function Waiting({ id, analysis: { state, reference } }: { id: string; analysis: AnalysisState }) {
  return (
    <div className="card quiet p-6 text-sm" data-testid="analysis-waiting" data-state={state}>
      <p>{words[state]}</p>
      {(state === 'failed' || state === 'lost') && (
        <form method="post" action={`/api/releases/${id}/analysis`} className="mt-4">
          <button type="submit" className="button-quiet">
            Analyse again
          </button>
          {reference && (
            <p className="mt-3 text-xs">
              Reference <code>{reference}</code>
            </p>
          )}
        </form>
      )}
    </div>
  )
}

const words: Readonly<Record<AnalysisState['state'], string>> = {
  none: 'Add lyrics to have them analysed.',
  queued: 'Waiting to be analysed. This page updates by itself.',
  running: 'Being analysed. This page updates by itself.',
  done: 'Analysed. The result is on its way to this page.',
  failed: 'The analysis failed.',
  lost: 'Not analysed.',
  unknown: 'Whether the analysis is under way can not be asked at the moment. Load the page again in a minute.',
}

const languages = {
  en: 'English',
  es: 'Spanish',
  de: 'German',
  fr: 'French',
  sv: 'Swedish',
  unknown: 'Not recognised',
} as const

function Analysis({ analysis }: { analysis: LyricsAnalysis }) {
  const facts = [
    ['Language', languages[analysis.language]],
    ['Mood', analysis.mood],
    ['Words', `${analysis.words} (${analysis.uniqueWords} different)`],
    ['Repetition', `${Math.round(analysis.repetition * 100)} % of lines`],
    [
      'Sung length',
      `about ${Math.floor(analysis.estimatedSeconds / 60)}:${String(analysis.estimatedSeconds % 60).padStart(2, '0')}`,
    ],
    ['Explicit', analysis.explicit ? 'Yes' : 'No'],
  ] as const
  return (
    <div className="card p-5" data-testid="analysis">
      <dl className="grid grid-cols-[auto_1fr] gap-x-6 gap-y-2 text-sm">
        {facts.map(([term, value]) => (
          <div key={term} className="contents">
            <dt className="quiet">{term}</dt>
            <dd className="font-medium first-letter:uppercase">{value}</dd>
          </div>
        ))}
      </dl>
      {analysis.keywords.length > 0 && (
        <ul className="mt-4 flex flex-wrap gap-2" aria-label="Keywords">
          {analysis.keywords.map((word) => (
            <li
              key={word}
              title={word}
              className="pill bg-accent-100 text-accent-700 dark:bg-stone-800 dark:text-accent-300"
            >
              {word}
            </li>
          ))}
        </ul>
      )}
    </div>
  )
}
