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
import { jwtSecret } from './secrets.ts'

/** What the server in front of Next.js needs of the application. */
export interface Running {
  /** Takes a WebSocket that is for the embedded realtime server; false when it is for somebody else. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean
  /** Takes a request that is for it; false when it is somebody else's. */
  handleRequest(request: IncomingMessage, response: ServerResponse): boolean
  health(): Promise<PlatformHealth>
  close(): Promise<void>
}

const KEY = Symbol.for('msc.web')

/** Composes the six concerns, once in a process: hot reload runs this again. */
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
  // The first to be made: whatever fails from here on, in whichever package, is reported.
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
      // Before the services: a job that is still running may want to publish.
      await services.close()
      await realtime?.close()
      stopRecording()
      await closeDatabase()
      await journal.close()
    },
  }
}
