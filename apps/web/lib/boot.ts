import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { createMemoryJournal, every, processEnv, processSlot, readEnv, reportFailure, setJournal } from '@msc/core'
import { configureCron } from '@msc/cron'
import { createFileJournal, recordTelemetry } from '@msc/devtools'
import { configureJobs, runBreadcrumbs } from '@msc/jobs'
import { captureFailures, getDefaultMonitoring } from '@msc/monitoring'
import { assertSecrets, clientAddress, type Database, type PlatformHealth, type Profile } from '@msc/platform'
import { ownFolder } from '@msc/platform/node'
import {
  createRealtimeServer,
  databasePolicies,
  feedSource,
  relayFeeds,
  type FeedMessage,
  type FeedSource,
  type PolicyClient,
  type PostgresClient,
  type RealtimeServer,
  type Relay,
} from '@msc/realtime/server'
import { supabaseFromEnv } from '@msc/realtime/supabase'
import { askAgain } from './analysis-state.ts'
import { crons } from './crons/definitions.ts'
import { openDatabase } from './db/database.ts'
import { dataDir } from './env.ts'
import { jobs } from './jobs/index.ts'
import { outbox } from './outbox.ts'
import { platform } from './platform.ts'
import { profile } from './profile.ts'
import { realtimeSlot } from './realtime-server.ts'
import { dropAllReleases, dropReleases } from './releases.ts'
import { jwtSecret } from './session/secrets.ts'
import { sessions } from './session/session.ts'

/** The functions that the server in front of Next.js calls. */
export interface Running {
  /** Handles a WebSocket upgrade for the embedded realtime server; returns false for any other. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean
  /** Handles a request for the embedded realtime server; returns false for any other. */
  handleRequest(request: IncomingMessage, response: ServerResponse): boolean
  health(): Promise<PlatformHealth>
  close(): Promise<void>
}

/**
 * Composes the services, once per process: hot reload runs this again.
 *
 * @param listening Resolves when requests are answered, for a server that boots before that. What the outbox hands to Inngest is
 *   called back, and an event is lost for functions that Inngest has not found here yet.
 */
export async function boot(listening?: Promise<unknown>): Promise<Running> {
  const slot = processSlot<{ running?: Promise<Running> }>('web/running', () => ({}))
  return (slot.running ??= start(listening ?? Promise.resolve()))
}

/** Milliseconds between two looks at all services, by which the systems page knows since when one is down. */
const HEALTH_MS = 30_000
/** Milliseconds between two looks for analyses that nothing does. */
const LOST_MS = 60_000

async function start(listening: Promise<unknown>): Promise<Running> {
  const env = processEnv()
  assertSecrets(env)
  const chosen = profile()
  // Before anything in it is opened: two processes that write there destroy each other's data.
  const owned = keepsFiles(chosen) ? ownFolder(dataDir()) : undefined
  const journal = owned ? createFileJournal({ dir: join(owned.path, 'journal') }) : createMemoryJournal()
  setJournal(journal)
  const stopRecording = recordTelemetry(journal)
  // Made first, so that failures of all other packages are reported.
  getDefaultMonitoring()
  captureFailures({ breadcrumbs: ({ run }) => runBreadcrumbs(run) })

  const database = await openDatabase(chosen)
  const feeds = feedSource({ client: await database.client(), before: dropWhatChanged })
  const jobsEngine = configureJobs(
    { jobs },
    { ...env, MSC_JOBS_SQLITE: readEnv(env, 'MSC_JOBS_SQLITE') ?? join(dataDir(), 'jobs.sqlite') },
  )
  const cronEngine = configureCron({ crons })
  const realtime = readEnv(env, 'NEXT_PUBLIC_SUPABASE_URL') ? undefined : await realtimeServer(database, feeds)
  realtimeSlot().server = realtime
  const services = platform()
  await sessions().open()
  const stopEnding = sessions().onEnded(({ sessionId }) => void realtime?.disconnect({ sessionId }, 'signed out'))
  if (realtime) await realtime.ready
  const relay = realtime ? undefined : await relayToSupabase(await database.client(), feeds)
  await jobsEngine.start()
  void listening
    .then(() => outbox().start())
    .catch((error: unknown) => reportFailure(error, { concern: 'web', operation: 'outbox' }))
  cronEngine.start()
  const stopAsking = every(LOST_MS, askAgain, {
    onError: (error) => reportFailure(error, { concern: 'web', operation: 'askAgain' }),
  })
  const stopLooking = every(HEALTH_MS, () => services.health(), {
    onError: (error) => reportFailure(error, { concern: 'web', operation: 'health' }),
  })

  return {
    handleUpgrade: (request, socket, head) => realtime?.handleUpgrade(request, socket, head) ?? false,
    handleRequest: (request, response) => realtime?.handleIncoming(request, response) ?? false,
    health: () => services.health(),
    async close() {
      stopLooking()
      stopAsking()
      stopEnding()
      await relay?.close()
      await feeds.close()
      // Closed before realtime, since a job that is still running may want to publish.
      await services.close()
      await realtime?.close()
      realtimeSlot().server = undefined
      stopRecording()
      await journal.close()
      owned?.release()
    },
  }
}

/** Vendors keep everything elsewhere, and a platform such as Vercel lets nobody write files. */
function keepsFiles({ name }: Profile): boolean {
  return name !== 'vendor' || readEnv(processEnv(), 'MSC_DATA_DIR') !== undefined
}

/** Nobody is told of a change while the cache still has what was before. */
async function dropWhatChanged({ topic, kind }: FeedMessage): Promise<void> {
  const [, table, owner] = topic.split(':')
  if (kind === 'missed' || (kind === 'emptied' && table === 'releases')) await dropAllReleases()
  else if (table === 'releases' && owner) await dropReleases(owner)
}

/** A Supabase project whose clients hear of rows that are in this database. */
async function relayToSupabase(client: PostgresClient, feeds: FeedSource): Promise<Relay> {
  const driver = supabaseFromEnv()
  if (!driver) throw new Error('There is no realtime service to relay to.')
  return relayFeeds({ feeds, client, driver })
}

async function realtimeServer(database: Database, feeds: FeedSource): Promise<RealtimeServer> {
  return createRealtimeServer({
    jwtSecret: jwtSecret(),
    feeds,
    authorize: databasePolicies({ client: (await database.client()) as PolicyClient }),
    // A token outlives its session by minutes.
    isLive: async ({ session_id: id }) =>
      typeof id === 'string' &&
      (await database.asService((tx) => tx.query('select 1 where msc_sessions.is_live($1::uuid)', [id]))).length > 0,
    // As the server in front has stamped it.
    clientAddress: (request) =>
      clientAddress({ headers: { get: (name) => request.headers[name]?.toString() ?? null } }),
  })
}
