import type { Metadata } from 'next'
import Link from 'next/link'
import { ReleaseList } from '@/components/release-card'
import type { Search } from '@/lib/forms/recalled'
import { listQuery, listReleases } from '@/lib/releases'
import { requireUser } from '@/lib/session/auth'

export const metadata: Metadata = { title: 'Releases' }

export default async function ReleasesPage({ searchParams }: { searchParams: Search }) {
  const user = await requireUser()
  const { q, after } = listQuery.parse(await searchParams)
  const { releases, next } = await listReleases(user, { q, after })
  return (
    <>
      <div className="mb-6 flex flex-wrap items-center justify-between gap-4">
        <h1 className="text-2xl font-semibold tracking-tight">Releases</h1>
        {user.role === 'artist' && (
          <Link href="/releases/new" className="button">
            New release
          </Link>
        )}
      </div>
      <form role="search" action="/releases" autoComplete="off" className="mb-4 flex gap-2">
        <label htmlFor="q" className="sr-only">
          Search by title or artist
        </label>
        <input
          id="q"
          name="q"
          type="search"
          defaultValue={q}
          maxLength={100}
          placeholder="Search by title or artist"
          dir="auto"
          className="field mt-0 max-w-sm min-w-0"
        />
        <button type="submit" className="button-quiet">
          Search
        </button>
      </form>
      {releases.length > 0 ? <ReleaseList releases={releases} /> : <Nothing q={q} after={after} />}
      <nav aria-label="Pages" className="mt-4 flex justify-between text-sm">
        {after ? (
          <Link href={addressOf(q)} className="button-quiet">
            To the newest
          </Link>
        ) : (
          <span />
        )}
        {next && (
          <Link href={addressOf(q, next)} className="button-quiet">
            Older releases
          </Link>
        )}
      </nav>
    </>
  )
}

function Nothing({ q, after }: { q: string; after: string | undefined }) {
  return (
    <p className="card quiet p-10 text-center text-sm">
      {q ? (
        <>
          No release has “<bdi>{q}</bdi>” in its title or artist.{' '}
          <Link href="/releases" className="underline">
            Show all
          </Link>
        </>
      ) : after ? (
        'There are no older releases.'
      ) : (
        'No releases yet. The first one stays a draft until you submit it for review.'
      )}
    </p>
  )
}

function addressOf(q: string, after?: string): string {
  const search = new URLSearchParams({ ...(q && { q }), ...(after && { after }) })
  return search.size > 0 ? `/releases?${search.toString()}` : '/releases'
}
