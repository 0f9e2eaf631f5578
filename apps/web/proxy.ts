import { processEnv } from '@msc/core'
import { newNonce, pagePolicy } from '@msc/platform'
import { NextResponse, type NextRequest } from 'next/server'
import { publicConfig } from './lib/public-config.ts'

/** Gives each page a policy with a nonce of its own, which Next.js puts on the scripts that it writes into the page. */
export function proxy(request: NextRequest): NextResponse {
  const { sentryDsn, posthog, supabase } = publicConfig()
  const policy = pagePolicy({
    nonce: newNonce(),
    connect: [sentryDsn, posthog?.host, supabase?.url],
    development: processEnv()['NODE_ENV'] !== 'production',
  })
  const headers = new Headers(request.headers)
  // Next.js reads the nonce from here.
  headers.set('content-security-policy', policy)
  // For the way back from the sign-in page.
  headers.set('x-msc-path', request.nextUrl.pathname + request.nextUrl.search)
  const response = NextResponse.next({ request: { headers } })
  response.headers.set('content-security-policy', policy)
  return response
}

export const config = {
  // Pages, and what is shown in place of one that is missing. The console has a policy of its own, files are no
  // documents, and Next.js keeps the whole body of what passes here in memory, so routes must not.
  matcher: ['/((?!api/|devtools(?:/|$)|_next/|icon\\.svg$|favicon\\.ico$).*)'],
}
