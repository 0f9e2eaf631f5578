import type { IncomingMessage } from 'node:http'
import type { Clock } from '@msc/core'
import { clientAddress } from '@msc/platform'
import { createGate, type Allowance, type Gate } from '@msc/platform/node'
import { isKnownAddress } from '../lib/session/known-addresses.ts'
import { userOf } from '../lib/session/session.ts'

const MiB = 1024 * 1024
const perMinute = (calls: number, mebibytes: number): Allowance => ({
  calls,
  bytes: mebibytes * MiB,
  windowSeconds: 60,
})

/** What a person with several tabs needs several times over, and what an office behind one address needs. */
export function frontGate({ clock }: { readonly clock?: Clock } = {}): Gate {
  return createGate({
    ...(clock && { clock }),
    rules: [
      { name: 'files', paths: ['/_next', '/icon.svg', '/favicon.ico'], perAddress: perMinute(6000, 1000) },
      {
        name: 'sign-in',
        paths: ['/api/auth/sign-in'],
        perAddress: perMinute(1200, 20),
        // Many more than passwords can be compared, and so few that a flood slows no page. As many may wait as can be connected.
        paceMs: 30,
        prefers: (request) => isKnownAddress(addressOf(request)),
        maxWaiting: 5000,
      },
      { name: 'sign-out', paths: ['/api/auth'], perAddress: perMinute(1200, 20) },
      { name: 'ingest', paths: ['/api/msc'], perAddress: perMinute(600, 40), perAccount: perMinute(300, 20) },
      { name: 'jobs', paths: ['/api/inngest'], perAddress: perMinute(3000, 400) },
      { name: 'console', paths: ['/devtools'], perAddress: perMinute(300, 400), perAccount: perMinute(300, 400) },
      { name: 'realtime', paths: ['/realtime', '/rest'], perAddress: perMinute(1200, 100) },
      { name: 'pages', paths: ['/'], perAddress: perMinute(1200, 400), perAccount: perMinute(600, 200) },
    ],
    addressOf,
    accountOf: async (request) => (await userOf(request.headers.cookie))?.id,
  })
}

/** As `clientAddress` finds it for routes, from what the server has stamped. */
function addressOf(request: IncomingMessage): string {
  return clientAddress({ headers: { get: (name) => headerOf(request, name) } })
}

function headerOf({ headers }: IncomingMessage, name: string): string | null {
  const value = headers[name]
  return (Array.isArray(value) ? value.join(',') : value) ?? null
}
