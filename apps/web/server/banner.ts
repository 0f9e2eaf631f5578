import type { PlatformHealth, Profile } from '@msc/platform'
import { seededUsers } from '../lib/db/seed.ts'

const marks = { ready: '✓', degraded: '~', down: '✗', 'not-configured': '–' } as const

/** The text that is printed when the server is up. Passwords only of accounts that exist on this machine alone. */
export function banner(url: string, profile: Profile, health: PlatformHealth | undefined): string {
  const lines = (health?.services ?? []).map(
    ({ concern, driver, status, detail }) =>
      `  ${concern.padEnd(11)} → ${driver} ${marks[status]}${detail && status !== 'ready' ? `  ${detail}` : ''}`,
  )
  const seeded = profile.seeds && health?.services.some(({ driver }) => driver === 'pglite')
  const accounts = seededUsers.map(
    ({ role, email, password }) => `  Sign in as ${role.padEnd(6)}  ${email}  ${password}`,
  )
  return [
    '',
    `MSC & Co is running on ${url} (profile ${profile.name})`,
    '',
    ...lines,
    '',
    ...(seeded ? accounts : ['  Add an account: npm run account -- add --email you@example.com --role admin']),
    '',
    '  Test everything: npm test          Stop: Ctrl-C',
    '',
  ].join('\n')
}
