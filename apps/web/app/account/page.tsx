import type { Metadata } from 'next'
import { Field, FormProblem } from '@/components/field'
import { recalled, type Search } from '@/lib/forms/recalled'
import { requireUser } from '@/lib/session/auth'
import { sessions } from '@/lib/session/session'

export const metadata: Metadata = { title: 'Account' }

const time = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' })

/** By what the address says, which is anybody's text. */
const changes = new Map<unknown, string>([
  ['password', 'Your password is changed, and every other session has ended.'],
  ['sessions', 'Every other session has ended.'],
])

export default async function AccountPage({ searchParams }: { searchParams: Search }) {
  const user = await requireUser()
  const search = await searchParams
  const [refused, open] = await Promise.all([recalled(search, user), sessions().list(user.id)])
  const changed = changes.get(search['changed'])
  const issue = (path: string) => refused?.issues.find((each) => each.path === path)?.message
  return (
    <div className="mx-auto max-w-2xl">
      <h1 className="text-2xl font-semibold tracking-tight">Account</h1>
      <p className="quiet mt-1 text-sm">
        <bdi>{user.name}</bdi>, <bdi>{user.email}</bdi>, {user.role}
      </p>
      {changed && (
        <p role="status" className="mt-4 text-sm text-emerald-800 dark:text-emerald-300">
          {changed}
        </p>
      )}
      <section aria-labelledby="password-title" className="card mt-6 p-6">
        <h2 id="password-title" className="font-medium">
          Change your password
        </h2>
        <p className="quiet mt-1 text-sm">Every other session of yours ends with it.</p>
        <form method="post" action="/api/account/password" className="mt-4 space-y-4">
          <input type="hidden" name="username" autoComplete="username" value={user.email} disabled />
          <Field
            name="currentPassword"
            label="Current password"
            type="password"
            autoComplete="current-password"
            required
            maxLength={200}
            issue={issue('currentPassword')}
          />
          <Field
            name="newPassword"
            label="New password"
            type="password"
            autoComplete="new-password"
            required
            minLength={10}
            maxLength={200}
            help="At least 10 characters."
            issue={issue('newPassword')}
          />
          {refused && refused.issues.length === 0 && <FormProblem title={refused.title} detail={refused.detail} />}
          <button type="submit" className="button">
            Change password
          </button>
        </form>
      </section>
      <section aria-labelledby="sessions-title" className="mt-8">
        <h2 id="sessions-title" className="mb-3 font-medium">
          Where you are signed in
        </h2>
        <ul className="card divide-y divide-stone-200 dark:divide-stone-800" data-testid="sessions">
          {open.map(({ sessionId, createdAt, address, userAgent }) => (
            <li key={sessionId} className="p-4 text-sm">
              <p className="font-medium">
                {browserOf(userAgent)}
                {sessionId === user.sessionId && ' (this one)'}
              </p>
              <p className="quiet mt-0.5">
                Since <time dateTime={new Date(createdAt).toISOString()}>{time.format(createdAt)} UTC</time>
                {address && `, from ${address}`}
              </p>
            </li>
          ))}
        </ul>
        {open.length > 1 && (
          <form method="post" action="/api/account/sessions" className="mt-4">
            <button type="submit" className="button-quiet">
              End all other sessions
            </button>
          </form>
        )}
      </section>
    </div>
  )
}

/** Returns what a person calls the browser of a user agent. */
function browserOf(userAgent: string | undefined): string {
  const [, name] = /(Firefox|Edg|OPR|Chrome|Safari)\//.exec(userAgent ?? '') ?? []
  return { Edg: 'Edge', OPR: 'Opera' }[name ?? ''] ?? name ?? 'Another program'
}
