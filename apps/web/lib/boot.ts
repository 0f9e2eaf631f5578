import type { IncomingMessage, ServerResponse } from 'node:http'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { processEnv, setJournal } from '@msc/core'
import { configureCron } from '@msc/cron'
import { createFileJournal, recordTelemetry } from '@msc/devtools'
import { configureJobs, runBreadcrumbs } from '@msc/jobs'
import { captureFailures, getDefaultMonitoring } from '@msc/monitoring'
import type { PlatformHealth } from '@msc/platform'
import { createRealtimeServer, databasePolicies, feedSource, type RealtimeServer } from '@msc/realtime/server'
import { crons } from './crons/definitions.ts'
import { closeDatabase, database } from './db/database.ts'
import { dataDir } from './env.ts'
import { jobs } from './jobs/index.ts'
import { platform } from './platform.ts'
import { forwardFeeds } from './feeds.ts'
import { jwtSecret } from './session/secrets.ts'

/** The functions that the server in front of Next.js calls. */
export interface Running {
  /** Handles a WebSocket upgrade for the embedded realtime server; returns false for any other. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean
  /** Handles a request for the embedded realtime server; returns false for any other. */
  handleRequest(request: IncomingMessage, response: ServerResponse): boolean
  health(): Promise<PlatformHealth>
  close(): Promise<void>
}

const KEY = Symbol.for('msc.web')

/** Composes the six concerns, once per process: hot reload runs this again. */
export async function boot(): Promise<Running> {
  const globals = globalThis as { [KEY]?: Promise<Running> }
  return (globals[KEY] ??= start())
}

async function start(): Promise<Running> {
  const env = processEnv()
  mkdirSync(dataDir(), { recursive: true })
  const journal = createFileJournal({ dir: join(dataDir(), 'journal') })
  setJournal(journal)
  const stopRecording = recordTelemetry(journal)
  // Made first, so that failures of all other packages are reported.
  getDefaultMonitoring()
  captureFailures({ breadcrumbs: ({ run }) => runBreadcrumbs(run) })

  const feeds = feedSource({ client: await database() })
  const jobsEngine = configureJobs(
    {
      jobs,
    },
    { ...env, MSC_JOBS_SQLITE: env['MSC_JOBS_SQLITE'] ?? join(dataDir(), 'jobs.sqlite') },
  )
  const cronEngine = configureCron({
    crons,
  })
  const realtime: RealtimeServer | undefined = env['NEXT_PUBLIC_SUPABASE_URL']
    ? undefined
    : createRealtimeServer({
        jwtSecret: jwtSecret(),
        feeds,
        authorize: databasePolicies({ client: await database() }),
      })
  const services = platform()
  if (realtime) await realtime.ready
  else await forwardFeeds(feeds)
  await jobsEngine.start()
  cronEngine.start()

  return {
    handleUpgrade: (request, socket, head) => realtime?.handleUpgrade(request, socket, head) ?? false,
    handleRequest: (request, response) => realtime?.handleIncoming(request, response) ?? false,
    health: () => services.health(),
    async close() {
      await feeds.close()
      // Closed before realtime, since a job that is still running may want to publish.
      await services.close()
      await realtime?.close()
      stopRecording()
      await closeDatabase()
      await journal.close()
    },
  }
}
