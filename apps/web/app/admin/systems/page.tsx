import type { ServiceHealth } from '@msc/platform'
import type { Metadata } from 'next'
import { platform } from '@/lib/platform'
import { Missing } from '@/components/missing'
import { currentAdmin } from '@/lib/session/auth'

export const metadata: Metadata = { title: 'Systems' }

export default async function SystemsPage() {
  if (!(await currentAdmin())) return <Missing />
  const health = await platform().health()
  const troubled = health.services.filter(({ status }) => status === 'down' || status === 'degraded')
  return (
    <>
      <h1 className="text-2xl font-semibold tracking-tight">{headline(troubled, health.services.length)}</h1>
      <p className="quiet mt-1 text-sm">
        Checked by a round trip to each, at {new Date(health.checkedAt).toISOString().slice(11, 19)} UTC.
      </p>
      <ul className="mt-6 grid gap-4 sm:grid-cols-2">
        {health.services
          .toSorted((a, b) => Number(troubled.includes(b)) - Number(troubled.includes(a)))
          .map((service) => (
            <Card key={service.concern} service={service} />
          ))}
      </ul>
      <p className="quiet mt-8 text-sm">
        To follow an error from a page to the console, open{' '}
        <a href="/boom" className="underline">
          a page that fails on purpose
        </a>
        .
      </p>
    </>
  )
}

/** The answer first: what does not work. */
function headline(troubled: readonly ServiceHealth[], all: number): string {
  if (troubled.length === 0) return `All ${all} services work`
  const names = troubled.map(({ concern }) => concern)
  const list = new Intl.ListFormat('en', { type: 'conjunction' }).format(names)
  const worst = troubled.some(({ status }) => status === 'down') ? 'down' : 'degraded'
  return `${list[0]?.toUpperCase()}${list.slice(1)} ${names.length === 1 ? 'is' : 'are'} ${worst}`
}

const looks = {
  ready: { dot: 'bg-emerald-500', text: 'Ready' },
  degraded: { dot: 'bg-amber-500', text: 'Degraded' },
  down: { dot: 'bg-red-500', text: 'Down' },
  'not-configured': { dot: 'bg-stone-400', text: 'Not configured' },
} as const

/** Turns `hitRate` into `hit rate` and `loadMs` into `load`, since the unit is printed with the figure. */
function words(name: string): string {
  return name.replace(/Ms$/, '').replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}

function figure(name: string, value: number): string {
  if (name.endsWith('Rate')) return `${(value * 100).toFixed(1)} %`
  if (name.endsWith('Ms')) return `${value.toFixed(1)} ms`
  return Number.isInteger(value) ? value.toLocaleString('en') : value.toFixed(2)
}

const time = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' })

function Card({ service }: { service: ServiceHealth }) {
  const look = looks[service.status]
  const stats = Object.entries(service.stats ?? {})
  return (
    <li className="card p-5" data-testid={`system-${service.concern}`}>
      <div className="flex items-center gap-3">
        <span className={`size-2.5 rounded-full ${look.dot}`} aria-hidden="true" />
        <h2 className="font-medium capitalize">{service.concern}</h2>
        <span className="quiet ml-auto text-sm">{look.text}</span>
      </div>
      <p className="quiet mt-2 text-sm">
        <code className="rounded bg-stone-100 px-1.5 py-0.5 dark:bg-stone-800">{service.driver}</code>
        {service.latencyMs !== undefined && (
          <span className="ml-2 tabular-nums">{service.latencyMs.toFixed(1)} ms</span>
        )}
      </p>
      {service.since && (
        <p className="mt-2 text-sm">
          Since <time dateTime={service.since}>{time.format(new Date(service.since))} UTC</time>
        </p>
      )}
      {service.detail && <p className="mt-2 text-sm break-words">{service.detail}</p>}
      {service.hint && <p className="mt-2 text-sm break-words">{service.hint}</p>}
      {stats.length > 0 && (
        <dl className="mt-3 flex flex-wrap gap-x-5 gap-y-1 text-sm">
          {stats.map(([name, value]) => (
            <div key={name} className="flex gap-1.5">
              <dt className="quiet">{words(name)}</dt>
              <dd className="font-medium tabular-nums">{figure(name, value)}</dd>
            </div>
          ))}
        </dl>
      )}
    </li>
  )
}
