import type { PlatformHealth } from '@msc/platform'
import { seededUsers } from '../lib/db/seed.ts'

const marks = { ready: '✓', degraded: '~', down: '✗', 'not-configured': '–' } as const

/** The text that is printed when the server is up. */
export function banner(url: string, health: PlatformHealth | undefined): string {
  const lines = (health?.services ?? []).map(
    ({ concern, driver, status, detail }) =>
      `  ${concern.padEnd(11)} → ${driver} ${marks[status]}${detail && status !== 'ready' ? `  ${detail}` : ''}`,
  )
  return [
    '',
    `MSC & Co is running on ${url}`,
    '',
    ...lines,
    '',
    ...seededUsers.map(({ role, email, password }) => `  Sign in as ${role.padEnd(6)}  ${email}  ${password}`),
    '',
    '  Test everything: npm test          Stop: Ctrl-C',
    '',
  ].join('\n')
}
