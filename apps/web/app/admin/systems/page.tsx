import type { Health } from '@msc/core'
import type { Metadata } from 'next'
import { notFound } from 'next/navigation'
import { requireUser } from '@/lib/session/auth'
import { platform } from '@/lib/platform'

export const metadata: Metadata = { title: 'Systems' }

export default async function SystemsPage() {
  const user = await requireUser()
  if (user.role !== 'admin') notFound()
  const health = await platform().health()
  return (
    <>
      <h1 className="text-2xl font-semibold tracking-tight">Systems</h1>
      <p className="quiet mt-1 text-sm">
        Every service answered a round trip for this page, at {new Date(health.checkedAt).toISOString().slice(11, 19)}{' '}
        UTC.
      </p>
      <ul className="mt-6 grid gap-4 sm:grid-cols-2">
        {health.services.map((service) => (
          <Card key={service.concern} service={service} />
        ))}
      </ul>
    </>
  )
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

function Card({ service }: { service: Health }) {
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
      {service.detail && <p className="mt-2 text-sm">{service.detail}</p>}
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
