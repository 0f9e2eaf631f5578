import Link from 'next/link'
import { ReleaseList } from '@/components/release-card'
import { currentUser } from '@/lib/session/auth'
import { catalogueFigures } from '@/lib/catalogue'
import { listNotifications } from '@/lib/notifications'
import { listReleases, releaseFigures } from '@/lib/releases'
import type { User } from '@/lib/session/session'

export default async function Home() {
  const user = await currentUser()
  return user ? <Overview user={user} /> : <Welcome />
}

async function Overview({ user }: { user: User }) {
  const [figures, { releases }, notifications] = await Promise.all([
    releaseFigures(user),
    listReleases(user),
    listNotifications(user, 5),
  ])
  const tiles = [
    { label: user.role === 'admin' ? 'Releases of all artists' : 'Releases', value: figures.all },
    { label: 'Live', value: figures.live },
    user.role === 'admin'
      ? { label: 'Waiting for review', value: figures.submitted }
      : { label: 'Lyrics analysed', value: figures.analysed },
  ]
  return (
    <>
      <div className="flex flex-wrap items-end justify-between gap-4">
        <div>
          <h1 className="text-2xl font-semibold tracking-tight">
            Hello, <bdi>{user.name.split(' ')[0]}</bdi>
          </h1>
          <p className="quiet mt-1">Here is where your catalogue stands.</p>
        </div>
        {user.role === 'artist' && (
          <Link href="/releases/new" className="button">
            New release
          </Link>
        )}
      </div>
      <dl className="mt-6 grid grid-cols-1 gap-4 sm:grid-cols-3">
        {tiles.map(({ label, value }) => (
          <div key={label} className="card p-5">
            <dt className="quiet text-sm">{label}</dt>
            <dd className="mt-1 text-3xl font-semibold tabular-nums">{value}</dd>
          </div>
        ))}
      </dl>
      <div className="mt-8 grid grid-cols-1 gap-8 lg:grid-cols-[2fr_1fr]">
        <section aria-labelledby="recent" className="min-w-0">
          <h2 id="recent" className="mb-3 font-medium">
            Recent releases
          </h2>
          {releases.length > 0 ? (
            <ReleaseList releases={releases.slice(0, 5)} />
          ) : (
            <p className="card quiet p-6 text-sm">Nothing here yet. Your first release will show up in this list.</p>
          )}
        </section>
        <section aria-labelledby="activity" className="min-w-0">
          <h2 id="activity" className="mb-3 font-medium">
            Activity
          </h2>
          {notifications.length > 0 ? (
            <ol className="card divide-y divide-stone-200 dark:divide-stone-800">
              {notifications.map((each) => (
                <li key={each.id} className="p-4 text-sm">
                  {each.link ? (
                    <Link href={each.link} className="font-medium hover:underline">
                      <bdi>{each.title}</bdi>
                    </Link>
                  ) : (
                    <span className="font-medium">
                      <bdi>{each.title}</bdi>
                    </span>
                  )}
                  <p className="quiet mt-0.5">
                    <bdi>{each.body}</bdi>
                  </p>
                </li>
              ))}
            </ol>
          ) : (
            <p className="card quiet p-6 text-sm">
              You will hear here when an analysis is done or a release goes live.
            </p>
          )}
        </section>
      </div>
    </>
  )
}

const promises = [
  {
    title: 'Release',
    text: 'Titles, dates and lyrics in one form, kept as a draft until you submit it for review.',
  },
  {
    title: 'Understand',
    text: 'Lyrics are analysed in the background: language, mood, vocabulary, explicit content, keywords.',
  },
  {
    title: 'Know at once',
    text: 'What happens to your music reaches every open tab within moments, without a reload.',
  },
]

const count = (value: number, noun: string): string => `${value.toLocaleString('en')} ${noun}${value === 1 ? '' : 's'}`

async function Welcome() {
  const { releases, artists, genres } = await catalogueFigures()
  return (
    <div className="py-8">
      <h1 className="max-w-2xl text-4xl font-semibold tracking-tight text-balance sm:text-5xl">
        Your music, everywhere it should be.
      </h1>
      <p className="quiet mt-4 max-w-xl text-lg">
        MSC &amp; Co distributes independent artists: releases and their analysis in one calm place.
      </p>
      <Link href="/sign-in" className="button mt-8 px-5 py-2.5">
        Sign in to your catalogue
      </Link>
      {releases > 0 && (
        <p className="quiet mt-6 text-sm tabular-nums" data-testid="catalogue">
          {count(releases, 'release')} by {count(artists, 'artist')} in {count(genres, 'genre')} so far.
        </p>
      )}
      <div className="mt-16 grid gap-4 sm:grid-cols-3">
        {promises.map(({ title, text }) => (
          <section key={title} className="card p-5">
            <h2 className="font-medium">{title}</h2>
            <p className="quiet mt-1.5 text-sm">{text}</p>
          </section>
        ))}
      </div>
    </div>
  )
}
