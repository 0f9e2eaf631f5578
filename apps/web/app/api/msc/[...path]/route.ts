import { createHash } from 'node:crypto'
import { getJournal } from '@msc/core'
import { createIngest } from '@msc/devtools/ingest'
import { route } from '@/lib/route'
import { jwtSecret } from '@/lib/session/secrets'
import { userOf } from '@/lib/session/session'

// Made with the first request: a build evaluates this file too, and must not create a secret.
let made: ReturnType<typeof createIngest> | undefined

function ingest(request: Request): Promise<Response> {
  made ??= createIngest({
    journal: getJournal,
    basePath: '/api/msc',
    maxBytes: 256 * 1024,
    // Other pages are refused by `route` below, and their preflight requests by this.
    origins: [],
    userOf: async (sent) => (await userOf(sent.headers.get('cookie')))?.id,
    // A separate key, derived from the one that exists.
    personSecret: createHash('sha256').update(`persons of the journal ${jwtSecret()}`).digest('hex'),
  })
  return made(request)
}

/** Receives what the browser reports while no vendor is configured. */
export const POST = route({
  route: '/api/msc/[...path]',
  auth: 'optional',
  idempotency: 'none',
  limit: { calls: 240, windowSeconds: 60 },
  handler: ({ request }) => ingest(request),
})

/** Refuses the preflight requests of other origins. */
export const OPTIONS = ingest
