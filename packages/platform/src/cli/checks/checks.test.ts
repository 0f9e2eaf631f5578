import { defineCron } from '@msc/cron'
import { describe, expect, it } from 'vitest'
import { checkClock } from './clock-skew.ts'
import { checkCronManifest } from './cron-manifest.ts'
import { checkDuplicates } from './duplicates.ts'
import { checkFolders } from './folders.ts'
import { checkNodeVersion } from './node-version.ts'
import { checkPeers } from './peers.ts'
import { SECRETS, checkSecrets } from './secrets.ts'

describe('Node', () => {
  it('is named when it is older than the packages need', () => {
    const ours = { who: 'The @msc packages need', range: '>=22.13' }
    expect(checkNodeVersion('v22.12.0', [ours])).toMatchObject({
      status: 'error',
      code: 'NODE_UNSUPPORTED',
      detail: 'This is Node 22.12.0. The @msc packages need Node >=22.13.',
    })
    expect(checkNodeVersion('v22.13.0', [ours, { who: 'The application needs', range: '^24' }])).toMatchObject({
      detail: 'This is Node 22.13.0. The application needs Node ^24.',
    })
    expect(checkNodeVersion('v22.13.0', [ours, { who: 'The application needs', range: 'lts/*' }])).toEqual({
      check: 'node',
      status: 'ok',
      code: 'OK',
      subject: '22.13.0',
    })
  })
})

describe('peers', () => {
  const fact = { concern: 'cache', driver: 'redis', peer: 'ioredis', range: '>=5.4.2' }

  it('are named with the command that installs them, when they are missing', () => {
    expect(checkPeers([{ ...fact, version: undefined }])).toEqual([
      {
        check: 'cache',
        status: 'error',
        code: 'PEER_MISSING',
        subject: 'redis',
        detail: 'The driver redis needs the package ioredis, which is not installed.',
        hint: "Install it: npm install ioredis@'>=5.4.2'",
      },
    ])
  })

  it('are named when the installed version is not one that the driver supports', () => {
    expect(checkPeers([{ ...fact, peer: '@upstash/redis', range: '^1.37.0', version: '2.0.1' }])).toEqual([
      expect.objectContaining({
        status: 'warning',
        code: 'PEER_UNSUPPORTED',
        detail: '@upstash/redis 2.0.1 is installed, but the driver redis supports ^1.37.0.',
        hint: 'Install a version that fits: npm install @upstash/redis@^1.37.0',
      }),
    ])
  })

  it('are not mentioned when they fit, or when their version is unknown', () => {
    expect(checkPeers([{ ...fact, version: '6.0.0' }])).toEqual([])
    expect(checkPeers([{ ...fact, version: 'unknown' }])).toEqual([])
  })
})

describe('copies of a package', () => {
  const copy = (name: string, version: string, path: string) => ({ name, version, path })

  it('are named when their versions differ', () => {
    const copies = [
      copy('@msc/core', '1.0.0', '/app/node_modules/@msc/core'),
      copy('@msc/core', '1.1.0', '/app/node_modules/@msc/cache/node_modules/@msc/core'),
      copy('@msc/cache', '1.1.0', '/app/node_modules/@msc/cache'),
    ]
    expect(checkDuplicates(copies)).toEqual([
      expect.objectContaining({
        status: 'warning',
        code: 'PACKAGE_DUPLICATED',
        subject: '@msc/core',
        detail: expect.stringMatching(/1\.0\.0 in \/app\/node_modules\/@msc\/core, 1\.1\.0 in \/app\/.*@msc\/core\./),
        hint: expect.stringContaining('npm ls @msc/core'),
      }),
    ])
  })

  it('are fine when the version is the same, and not mentioned when there are none', () => {
    const copies = [copy('@msc/core', '1.0.0', '/a'), copy('@msc/core', '1.0.0', '/b')]
    expect(checkDuplicates(copies)).toEqual([
      { check: 'packages', status: 'ok', code: 'OK', subject: '1 @msc packages' },
    ])
    expect(checkDuplicates([])).toEqual([])
  })
})

describe('the clock', () => {
  const at = Date.UTC(2026, 0, 1, 12)
  const answer = (host: string, aheadMs: number, took = 100) => ({
    host,
    // The header is in whole seconds, rounded down.
    date: Math.floor((at + aheadMs) / 1000) * 1000,
    sentAt: at,
    receivedAt: at + took,
  })

  it.each([
    [0, undefined],
    [29_000, undefined],
    [-29_000, undefined],
    [31_000, '31 s behind'],
    [95_000, '95 s behind'],
    [-95_000, '94 s ahead of'],
  ])('with a server %i ms ahead: %s', (aheadMs, said) => {
    const [found] = checkClock([answer('db.example', aheadMs)])
    if (said === undefined) return expect(found).toMatchObject({ status: 'ok', subject: 'agrees with db.example' })
    expect(found).toMatchObject({ status: 'warning', code: 'CLOCK_SKEW' })
    expect(found?.detail).toContain(`This machine's clock is ${said} that of db.example`)
    expect(found?.detail).toMatch(/tokens expire .*scheduled jobs/)
    expect(found?.hint).toContain('timedatectl set-ntp true')
  })

  it('is not blamed for one server that differs, nor for a slow answer', () => {
    expect(checkClock([answer('wrong.example', 600_000), answer('right.example', 0)])).toMatchObject([{ status: 'ok' }])
    expect(checkClock([answer('slow.example', 40_000, 60_000)])).toMatchObject([{ status: 'ok' }])
  })

  it('is not checked when no server was called', () => {
    expect(checkClock([])).toEqual([])
  })
})

describe('secrets', () => {
  it('are named with their purpose when they are short, and never printed', () => {
    const found = checkSecrets({ CRON_SECRET: 'hunter2' }, SECRETS)
    expect(found).toEqual([
      expect.objectContaining({
        status: 'error',
        code: 'SECRET_TOO_SHORT',
        subject: 'CRON_SECRET',
        detail:
          'CRON_SECRET, which opens the routes of scheduled jobs, has 7 bytes and can be guessed; it needs at least 16.',
      }),
    ])
    expect(JSON.stringify(found)).not.toContain('hunter2')
  })

  it('are measured in bytes, without the white space around them', () => {
    expect(checkSecrets({ SUPABASE_JWT_SECRET: 'ü'.repeat(16) }, SECRETS)).toMatchObject([{ status: 'ok' }])
    expect(checkSecrets({ SUPABASE_JWT_SECRET: `${'x'.repeat(31)}   ` }, SECRETS)).toMatchObject([{ status: 'error' }])
  })

  it('are refused as the start refuses them', () => {
    const env = { MSC_PROFILE: 'vendor', NEXT_PUBLIC_SUPABASE_URL: 'https://a.supabase.example' }
    expect(() => checkSecrets(env, SECRETS)).toThrow(/SUPABASE_JWT_SECRET is not/)
    expect(checkSecrets(env, SECRETS, 'jwks')).toEqual([])
    const same = 'x'.repeat(40)
    const own = { SESSION_SECRET: { minBytes: 8, purpose: 'signs cookies' } }
    expect(() => checkSecrets({ SESSION_SECRET: same, CRON_SECRET: same }, { ...SECRETS, ...own })).toThrow(
      /CRON_SECRET and SESSION_SECRET have the same value/,
    )
  })

  it('are not required, and include the application’s own', () => {
    expect(checkSecrets({}, SECRETS)).toEqual([])
    const own = { SESSION_SECRET: { minBytes: 64, purpose: 'signs cookies' } }
    expect(checkSecrets({ SESSION_SECRET: 'x'.repeat(63) }, { ...SECRETS, ...own })).toMatchObject([
      { subject: 'SESSION_SECRET', status: 'error' },
    ])
  })
})

describe('folders', () => {
  const fact = { path: '/data', keeps: 'the journal', variable: 'MSC_DATA_DIR' }

  it('are named with the variable and the command when they can neither be written to nor created', () => {
    expect(checkFolders([{ ...fact, state: 'not-writable' }])).toEqual([
      expect.objectContaining({
        status: 'error',
        code: 'FOLDER_UNUSABLE',
        detail: '/data, which keeps the journal, is not writable for this user.',
        hint: 'Give it to the user that runs the application (`chown`), or set MSC_DATA_DIR to another folder.',
      }),
    ])
    expect(checkFolders([{ ...fact, variable: undefined, state: 'not-a-folder' }])).toMatchObject([
      { code: 'FOLDER_UNUSABLE', hint: 'Move away what stands there and run `mkdir -p /data`.' },
    ])
  })

  it('are fine when they exist, or can be created', () => {
    expect(checkFolders([{ ...fact, state: 'writable' }])).toMatchObject([{ status: 'ok', subject: '/data' }])
    expect(checkFolders([{ ...fact, state: 'missing' }])).toMatchObject([{ status: 'ok' }])
  })
})

describe('the crons of vercel.json', () => {
  const daily = defineCron({ name: 'daily', schedule: '0 0 * * *' }, () => undefined)
  const weekly = defineCron({ name: 'weekly', schedule: '0 2 * * 0' }, () => undefined)
  const text = (...crons: readonly { path: string; schedule: string }[]): string =>
    JSON.stringify({ crons: crons.map(({ path, schedule }) => ({ path, schedule })) })

  it('are fine when they match the application’s, in any order', () => {
    expect(checkCronManifest(text(weekly, daily), [daily, weekly])).toEqual([
      { check: 'vercel.json', status: 'ok', code: 'OK', subject: '2 crons' },
    ])
    expect(checkCronManifest('{}', [])).toMatchObject([{ status: 'ok' }])
  })

  it('are named when one is missing, left over or on another schedule', () => {
    const drifted = checkCronManifest(
      text({ ...daily, schedule: '0 1 * * *' }, { path: '/old', schedule: '0 3 * * *' }),
      [daily],
    )
    expect(drifted).toEqual([
      expect.objectContaining({
        status: 'error',
        code: 'CRON_MANIFEST_DRIFTED',
        detail:
          'vercel.json differs from the application\'s crons: the application defines "0 0 * * *" at /api/cron/daily, which it lacks; ' +
          'it has "0 1 * * *" at /api/cron/daily, "0 3 * * *" at /old, which the application does not define.',
        hint: expect.stringContaining('vercelManifest'),
      }),
    ])
    expect(checkCronManifest('{}', [daily])).toMatchObject([{ code: 'CRON_MANIFEST_DRIFTED' }])
  })

  it('are named when the file is invalid, or when Vercel would refuse the definitions', () => {
    expect(checkCronManifest('{', [daily])).toMatchObject([{ code: 'VERCEL_JSON_INVALID' }])
    expect(checkCronManifest('{"crons": 3}', [daily])).toMatchObject([{ code: 'VERCEL_JSON_INVALID' }])
    expect(checkCronManifest('{"crons": [null]}', [daily])).toMatchObject([{ code: 'VERCEL_JSON_INVALID' }])
    const abroad = defineCron({ name: 'abroad', schedule: '0 0 * * *', timezone: 'Europe/Stockholm' }, () => undefined)
    expect(checkCronManifest(text(abroad), [abroad])).toMatchObject([
      { code: 'CRON_MANIFEST_INVALID', detail: expect.stringContaining('abroad: Vercel runs in UTC') },
    ])
  })

  it('are not checked when there is no such file', () => {
    expect(checkCronManifest(undefined, [daily])).toEqual([])
  })
})
