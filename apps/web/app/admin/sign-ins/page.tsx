import type { Metadata } from 'next'
import Link from 'next/link'
import type { Search } from '@/lib/forms/recalled'
import { Missing } from '@/components/missing'
import { currentAdmin } from '@/lib/session/auth'
import { signInGuard } from '@/lib/session/sign-in'

export const metadata: Metadata = { title: 'Failed sign-ins' }

const time = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium', timeZone: 'UTC' })
const PAGE = 50

export default async function FailedSignInsPage({ searchParams }: { searchParams: Search }) {
  if (!(await currentAdmin())) return <Missing />
  const { before } = await searchParams
  const { failures, next } = await signInGuard().recentFailures({
    limit: PAGE,
    // Of a bigint of Postgres; anything else leads to the newest.
    ...(typeof before === 'string' && /^\d{1,18}$/.test(before) && { before }),
  })
  return (
    <>
      <h1 className="text-2xl font-semibold tracking-tight">Failed sign-ins</h1>
      <p className="quiet mt-1 text-sm">
        Wrong passwords, newest first. Attempts that were refused without looking at the password are not counted here.
      </p>
      {failures.length > 0 ? (
        <div className="card mt-6 overflow-x-auto" role="region" aria-label="Failed sign-ins" tabIndex={0}>
          <table className="w-full text-left text-sm">
            <thead className="quiet">
              <tr>
                <th scope="col" className="hidden p-3 font-normal sm:table-cell">
                  Time (UTC)
                </th>
                <th scope="col" className="p-3 font-normal">
                  Account
                </th>
                <th scope="col" className="hidden p-3 font-normal sm:table-cell">
                  Address
                </th>
              </tr>
            </thead>
            <tbody className="divide-y divide-stone-200 dark:divide-stone-800">
              {failures.map(({ id, at, account, address }) => (
                <tr key={id}>
                  <td className="hidden p-3 whitespace-nowrap tabular-nums sm:table-cell">
                    <time dateTime={new Date(at).toISOString()}>{time.format(at)}</time>
                  </td>
                  <td className="w-full max-w-0 p-3">
                    <p className="truncate">
                      <bdi>{account}</bdi>
                    </p>
                    {/* On a phone, which has no room for three columns. */}
                    <p className="quiet mt-0.5 text-xs sm:hidden">
                      <time dateTime={new Date(at).toISOString()}>{time.format(at)} UTC</time>, from{' '}
                      <span className="font-mono">{address ?? 'unknown'}</span>
                    </p>
                  </td>
                  <td className="hidden p-3 font-mono text-xs whitespace-nowrap sm:table-cell">
                    {address ?? 'unknown'}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : (
        <p className="card quiet mt-6 p-10 text-center text-sm">
          {before ? 'There are no older ones.' : 'No sign-in has failed.'}
        </p>
      )}
      {next && (
        <Link href={`/admin/sign-ins?before=${encodeURIComponent(next)}`} className="button-quiet mt-4">
          Older
        </Link>
      )}
    </>
  )
}
