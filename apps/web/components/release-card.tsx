import Link from 'next/link'
import type { Release } from '@/lib/releases'

export function ReleaseList({ releases }: { releases: readonly Release[] }) {
  return (
    <ul className="card divide-y divide-stone-200 dark:divide-stone-800">
      {releases.map((release) => (
        <li key={release.id}>
          <Link
            href={`/releases/${release.id}`}
            className="flex items-center gap-4 p-4 transition-colors first:rounded-t-xl hover:bg-stone-50 dark:hover:bg-stone-800/50"
          >
            <Cover title={release.title} />
            <div className="min-w-0 flex-1">
              <p className="truncate font-medium">{release.title}</p>
              <p className="quiet truncate text-sm">
                {release.artistName} · {release.genre} · {release.releaseDate}
              </p>
            </div>
            {release.analysis && <span className="quiet hidden text-sm sm:inline">Analysed</span>}
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

export function StatusBadge({ status }: { status: Release['status'] }) {
  return <span className={`rounded-full px-2.5 py-0.5 text-xs font-medium capitalize ${tones[status]}`}>{status}</span>
}

/** Draws a cover from the title for a release without artwork. */
export function Cover({ title, large = false }: { title: string; large?: boolean }) {
  let hash = 0
  for (const char of title) hash = (hash * 31 + (char.codePointAt(0) ?? 0)) % 360
  return (
    <div
      aria-hidden="true"
      className={`grid shrink-0 place-items-center rounded-lg font-semibold text-white ${large ? 'size-24 text-4xl' : 'size-12 text-lg'}`}
      style={{ background: `linear-gradient(135deg, oklch(0.55 0.12 ${hash}), oklch(0.35 0.09 ${(hash + 50) % 360}))` }}
    >
      {[...title.trim()][0]?.toUpperCase()}
    </div>
  )
}
