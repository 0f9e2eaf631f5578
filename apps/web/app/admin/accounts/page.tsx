import type { Metadata } from 'next'
import { FormProblem } from '@/components/field'
import { asUser } from '@/lib/db/database'
import { recalled, type Search } from '@/lib/forms/recalled'
import { Missing } from '@/components/missing'
import { currentAdmin } from '@/lib/session/auth'
import { claimsOf, type Account } from '@/lib/session/session'

export const metadata: Metadata = { title: 'Accounts' }

const LIMIT = 200

export default async function AccountsPage({ searchParams }: { searchParams: Search }) {
  const user = await currentAdmin()
  if (!user) return <Missing />
  const [refused, accounts] = await Promise.all([
    recalled(await searchParams, user),
    asUser(claimsOf(user), (tx) =>
      tx.query<Account>('select id, email, role, display_name as name from profiles order by email limit $1', [
        LIMIT + 1,
      ]),
    ),
  ])
  return (
    <>
      <h1 className="text-2xl font-semibold tracking-tight">Accounts</h1>
      <p className="quiet mt-1 text-sm">A change of the role signs the person out everywhere.</p>
      {refused && (
        <div className="mt-4">
          <FormProblem title={refused.title} detail={refused.detail} />
        </div>
      )}
      <ul className="card mt-6 divide-y divide-stone-200 dark:divide-stone-800">
        {accounts.slice(0, LIMIT).map(({ id, email, name, role }) => (
          <li key={id} className="flex flex-wrap items-center gap-x-6 gap-y-2 p-4 text-sm">
            <div className="min-w-40 flex-1">
              <p className="truncate font-medium">
                <bdi>{name}</bdi>
              </p>
              <p className="quiet truncate">
                <bdi>{email}</bdi>
              </p>
            </div>
            <span>{role}</span>
            {id !== user.id && (
              <form method="post" action={`/api/accounts/${id}/role`}>
                <input type="hidden" name="role" value={role === 'admin' ? 'artist' : 'admin'} />
                <button type="submit" className="button-quiet">
                  Make {role === 'admin' ? 'an artist' : 'an admin'}
                </button>
              </form>
            )}
          </li>
        ))}
      </ul>
      {accounts.length > LIMIT && <p className="quiet mt-3 text-sm">The first {LIMIT} accounts by address.</p>}
    </>
  )
}
