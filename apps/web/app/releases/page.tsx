import type { Metadata } from 'next'
import Link from 'next/link'
import { ReleaseList } from '@/components/release-card'
import { requireUser } from '@/lib/session/auth'
import { listReleases } from '@/lib/releases'

export const metadata: Metadata = { title: 'Releases' }

export default async function ReleasesPage() {
  const user = await requireUser()
  const releases = await listReleases(user)
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
      {releases.length > 0 ? (
        <ReleaseList releases={releases} />
      ) : (
        <p className="card quiet p-10 text-center text-sm">
          No releases yet. Create the first one; it stays a draft until you submit it.
        </p>
      )}
    </>
  )
}
