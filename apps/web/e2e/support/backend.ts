import { readFileSync } from 'node:fs'
import { createVercelCronCaller } from '@msc/cron/testing'
import type { VercelManifest } from '@msc/cron'
import type { BrowserContext } from '@playwright/test'
import type { RunningApp } from './app.ts'
import type { Vendors } from './vendors.ts'

/** Reads the errors and events of a project where its drivers have sent them. */
export interface Backend {
  /** The drivers that the app must use, in the order of its banner. */
  readonly drivers: readonly string[]
  readonly cronSecret: string
  /** Whether the app believes that it is reached by HTTPS. */
  readonly secure: boolean
  /** Returns the error's tags and breadcrumbs, once it has arrived. */
  findError(admin: BrowserContext, message: string): Promise<FoundError | undefined>
  /** Returns the newest event of that name, with its properties and its trace. */
  findEvent(admin: BrowserContext, name: string): Promise<FoundEvent | undefined>
  /** Calls a cron route as its scheduler does. */
  triggerCron(path: string): Promise<Response>
}

interface FoundEvent {
  readonly properties: Readonly<Record<string, unknown>>
  readonly traceId: string | undefined
}

interface FoundError {
  readonly tags: Readonly<Record<string, string>>
  readonly breadcrumbs: readonly string[]
  readonly userId: string | undefined
  readonly traceId: string | undefined
}

const manifest = JSON.parse(readFileSync(new URL('../../vercel.json', import.meta.url), 'utf8')) as VercelManifest

export function embeddedBackend(app: RunningApp, cronSecret: string): Backend {
  const read = async <T>(admin: BrowserContext, path: string): Promise<T> =>
    (await (await admin.request.get(`${app.url}/devtools/${path}?format=json`)).json()) as T
  return {
    drivers: ['local', 'pglite', 'memory', 'local', 'sqlite', 'embedded', 'local', 'pglite', 'pglite'],
    cronSecret,
    secure: false,
    async findError(admin, message) {
      const { issues } = await read<{ issues: { name: string; latest: JournalError }[] }>(admin, 'errors')
      const found = issues.find(({ name }) => name.includes(message))?.latest
      return (
        found && {
          tags: found.payload.tags,
          breadcrumbs: found.payload.breadcrumbs.map(({ category, message: text }) => `${category}: ${text}`),
          userId: found.userId,
          traceId: found.traceId,
        }
      )
    },
    async findEvent(admin, name) {
      const { events } = await read<{ events: JournalEvent[] }>(admin, 'events')
      const found = events.find((event) => event.name === name)
      return found && { properties: found.payload.properties, traceId: found.traceId }
    },
    triggerCron: (path) => fetch(new URL(path, app.url), { headers: { authorization: `Bearer ${cronSecret}` } }),
  }
}

interface JournalEvent {
  readonly name: string
  readonly traceId?: string
  readonly payload: { readonly properties: Record<string, unknown> }
}

interface JournalError {
  readonly userId?: string
  readonly traceId?: string
  readonly payload: {
    readonly tags: Record<string, string>
    readonly breadcrumbs: readonly { readonly category: string; readonly message: string }[]
  }
}

export function vendorBackend(app: RunningApp, vendors: Vendors): Backend {
  const { cronSecret, sentry, posthog } = vendors
  const caller = createVercelCronCaller({ manifest, baseUrl: app.url, secret: cronSecret })
  return {
    drivers: ['sentry', 'postgres', 'upstash', 'posthog', 'inngest', 'supabase', 'vercel', 'postgres', 'postgres'],
    cronSecret,
    secure: true,
    async findError(_admin, message) {
      const found = sentry.events.findLast((event) => event.exception?.values.at(-1)?.value.includes(message))
      return (
        found && {
          tags: found.tags ?? {},
          breadcrumbs: (found.breadcrumbs ?? []).map(({ category, message: text }) => `${category}: ${text}`),
          userId: found.user?.['id'] as string | undefined,
          traceId: found.contexts?.trace?.trace_id,
        }
      )
    },
    async findEvent(_admin, name) {
      const found = posthog.events.findLast((event) => event.event === name)
      return found && { properties: found.properties, traceId: found.properties['$trace_id'] as string | undefined }
    },
    triggerCron: (path) => caller.trigger(path),
  }
}
