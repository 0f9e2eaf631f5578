import { createHash } from 'node:crypto'
import { getJournal } from '@msc/core'
import { createIngest } from '@msc/devtools/ingest'
import { route } from '@/lib/route'
import { jwtSecret } from '@/lib/secrets'
import { sessionToken, verifySession } from '@/lib/session'

// Made with the first request: a build evaluates this file too, and must not make a secret.
let made: ReturnType<typeof createIngest> | undefined

function ingest(request: Request): Promise<Response> {
  made ??= createIngest({
    journal: getJournal,
    basePath: '/api/msc',
    maxBytes: 256 * 1024,
    userOf: async (sent) => (await verifySession(sessionToken(sent)))?.id,
    // A key of its own, made of the one that there is.
    personSecret: createHash('sha256').update(`persons of the journal ${jwtSecret()}`).digest('hex'),
  })
  return made(request)
}

/** What the browser reports while no vendor is configured. */
export const POST = route({
  route: '/api/msc/[...path]',
  auth: 'optional',
  limit: { calls: 240, windowSeconds: 60 },
  handler: ({ request }) => ingest(request),
})

/** An SDK on another origin asks first. */
export const OPTIONS = ingest
