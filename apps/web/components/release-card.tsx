import Link from 'next/link'
import type { ListedRelease, Status } from '@/lib/releases'

export function ReleaseList({ releases }: { releases: readonly ListedRelease[] }) {
  return (
    <ul className="card divide-y divide-stone-200 dark:divide-stone-800">
      {releases.map((release) => (
        <li key={release.id}>
          <Link
            href={`/releases/${release.id}`}
            // A list changes while it is seen, and would ask each time for all the pages that it leads to.
            prefetch={false}
            className="flex items-center gap-4 p-4 transition-colors first:rounded-t-xl hover:bg-stone-50 dark:hover:bg-stone-800/50"
          >
            <Cover title={release.title} />
            <div className="min-w-0 flex-1">
              <p className="truncate font-medium">
                <bdi>{release.title}</bdi>
              </p>
              <p className="quiet flex text-sm whitespace-pre">
                <span className="truncate">
                  <bdi>{release.artistName}</bdi>
                  <span className="hidden sm:inline"> · {release.genre}</span>
                </span>
                <span className="shrink-0"> · {release.releaseDate}</span>
              </p>
            </div>
            {release.analysed && <span className="quiet hidden text-sm sm:inline">Analysed</span>}
            <StatusBadge status={release.status} />
          </Link>
        </li>
      ))}
    </ul>
  )
}

const tones = {
  draft: 'bg-stone-100 text-stone-700 dark:bg-stone-800 dark:text-stone-300',
  submitted: 'bg-amber-100 text-amber-900 dark:bg-amber-950 dark:text-amber-300',
  live: 'bg-emerald-100 text-emerald-900 dark:bg-emerald-950 dark:text-emerald-300',
} as const

export function StatusBadge({ status }: { status: Status }) {
  return <span className={`pill w-fit shrink-0 capitalize ${tones[status]}`}>{status}</span>
}

/** Draws a cover from the title for a release without artwork. */
export function Cover({ title, large = false }: { title: string; large?: boolean }) {
  let hash = 0
  for (const char of title) hash = (hash * 31 + (char.codePointAt(0) ?? 0)) % 360
  // Drawn with attributes: the page's policy allows no style in its markup.
  const from = `oklch(0.55 0.12 ${hash})`
  const to = `oklch(0.35 0.09 ${(hash + 50) % 360})`
  const id = `cover-${hash}`
  return (
    <svg aria-hidden="true" viewBox="0 0 48 48" className={`shrink-0 rounded-lg ${large ? 'size-24' : 'size-12'}`}>
      <defs>
        <linearGradient id={id} x1="0" y1="0" x2="1" y2="1">
          <stop stopColor={from} />
          <stop offset="1" stopColor={to} />
        </linearGradient>
      </defs>
      <rect width="48" height="48" fill={`url(#${id})`} />
      <text x="24" y="24" textAnchor="middle" dominantBaseline="central" fontSize="18" fontWeight="600" fill="white">
        {[...title.trim()][0]?.toUpperCase()}
      </text>
    </svg>
  )
}
