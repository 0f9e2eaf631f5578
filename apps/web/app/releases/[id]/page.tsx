import type { Metadata } from 'next'
import Link from 'next/link'
import { notFound } from 'next/navigation'
import { Cover, StatusBadge } from '@/components/release-card'
import { requireUser } from '@/lib/session/auth'
import type { LyricsAnalysis } from '@/lib/lyrics'
import { getRelease } from '@/lib/releases'

interface Props {
  params: Promise<{ id: string }>
}

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  const release = await getRelease(await requireUser(), (await params).id)
  return { title: release?.title ?? 'Release' }
}

export default async function ReleasePage({ params }: Props) {
  const release = await getRelease(await requireUser(), (await params).id)
  if (!release) notFound()
  return (
    <>
      <Link href="/releases" className="quiet text-sm hover:underline">
        ← Releases
      </Link>
      <div className="mt-4 flex items-center gap-5">
        <Cover title={release.title} large />
        <div className="min-w-0">
          <h1 className="text-2xl font-semibold tracking-tight break-words">{release.title}</h1>
          <p className="quiet">
            {release.artistName} · {release.genre} · {release.releaseDate}
          </p>
          <div className="mt-2">
            <StatusBadge status={release.status} />
          </div>
        </div>
      </div>
      <div className="mt-8 grid gap-8 lg:grid-cols-2">
        <section aria-labelledby="analysis">
          <h2 id="analysis" className="mb-3 font-medium">
            Lyrics analysis
          </h2>
          {release.analysis ? <Analysis analysis={release.analysis} /> : <Waiting hasLyrics={release.lyrics !== ''} />}
        </section>
        <section aria-labelledby="lyrics">
          <h2 id="lyrics" className="mb-3 font-medium">
            Lyrics
          </h2>
          <div className="card p-5">
            {release.lyrics ? (
              <p className="text-sm/7 whitespace-pre-wrap">{release.lyrics}</p>
            ) : (
              <p className="quiet text-sm">No lyrics.</p>
            )}
          </div>
        </section>
      </div>
    </>
  )
}

function Waiting({ hasLyrics }: { hasLyrics: boolean }) {
  return (
    <p className="card quiet p-6 text-sm" data-testid="analysis-waiting">
      {hasLyrics ? 'Being analysed. This page updates by itself.' : 'Add lyrics to have them analysed.'}
    </p>
  )
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
              className="rounded-full bg-accent-100 px-2.5 py-0.5 text-xs font-medium text-accent-700 dark:bg-stone-800 dark:text-accent-300"
            >
              {word}
            </li>
          ))}
        </ul>
      )}
    </div>
  )
}
