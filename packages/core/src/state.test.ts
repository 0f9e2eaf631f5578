import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import {
  ConfigError,
  DriverError,
  MscError,
  acceptEmbedded,
  parseServerAddress,
  createMemoryJournal,
  lazyPeer,
  peerMissing,
  readEnvGroup,
  sortableId,
  toError,
  validate,
  worstStatus,
} from './index.ts'

declare module './telemetry/journal.ts' {
  interface JournalKinds {
    error: true
    event: true
  }
}

describe('errors', () => {
  it('are recognised by their marker even if another copy of the package made them', async () => {
    vi.resetModules()
    const copy = (await import('./errors/errors.ts')) as typeof import('./errors/errors.ts')
    expect(copy.MscError).not.toBe(MscError)
    expect(MscError.isInstance(new copy.DriverError('redis', 'gone', { retryable: true }))).toBe(true)
    expect(MscError.isInstance(new Error('plain'))).toBe(false)
  })
  it('have a name, a code and whether to retry', () => {
    expect(new DriverError('redis', 'gone', { retryable: true })).toMatchObject({
      name: 'DriverError',
      message: '[redis] gone',
      code: 'DRIVER_FAILED',
      retryable: true,
    })
  })
  it('can be made from any thrown value', () => {
    expect(toError('text').message).toBe('text')
    expect(toError({ a: 1 }).cause).toEqual({ a: 1 })
  })
})

describe('the environment', () => {
  it('is complete, absent, or an error that names the missing variables and shows no value', () => {
    const names = ['A_URL', 'A_TOKEN'] as const
    expect(readEnvGroup({}, 'cache', names)).toBeUndefined()
    expect(readEnvGroup({ A_URL: ' u ', A_TOKEN: 't' }, 'cache', names)).toEqual({ A_URL: 'u', A_TOKEN: 't' })
    const half = () => readEnvGroup({ A_TOKEN: 'very-secret', A_URL: ' ' }, 'cache', names)
    expect(half).toThrow(/A_TOKEN is set but A_URL is not/)
    expect(half).not.toThrow(/very-secret/)
  })
  it('says how to allow one more embedded driver, and that a name is unknown', () => {
    const choice = { scope: 'jobs', driver: 'sqlite', risk: 'loses data', variables: ['A and B', 'or C'] }
    const hintFor = (allowed: string): unknown => {
      try {
        return acceptEmbedded({ NODE_ENV: 'production', MSC_ALLOW_EMBEDDED: allowed }, choice)
      } catch (error) {
        return (error as ConfigError).hint
      }
    }
    expect(hintFor('')).toBe(
      'Set A and B or C. To run on one machine on purpose, set MSC_ALLOW_EMBEDDED=jobs, or 1 for all concerns.',
    )
    expect(hintFor('cache, monitoring')).toContain('set MSC_ALLOW_EMBEDDED=cache,monitoring,jobs, or 1')
    expect(hintFor('true')).toContain('a name that is none of these')
    expect(hintFor('cahce,cron')).toMatch(/=cron,jobs, or 1 .*a name that is none of these/)
  })
  it('must explicitly allow an embedded driver in production', () => {
    const choice = { scope: 'jobs', driver: 'sqlite', risk: 'loses data', variables: ['INNGEST_EVENT_KEY'] }
    expect(() => acceptEmbedded({ NODE_ENV: 'production' }, choice)).toThrow(ConfigError)
    expect(() => acceptEmbedded({ NODE_ENV: 'production', MSC_ALLOW_EMBEDDED: 'cache' }, choice)).toThrow(ConfigError)
    const info = vi.spyOn(console, 'info').mockImplementation(() => {})
    acceptEmbedded({ NODE_ENV: 'production', MSC_ALLOW_EMBEDDED: 'cache, jobs' }, choice)
    acceptEmbedded({ NODE_ENV: 'production', MSC_ALLOW_EMBEDDED: '1' }, choice)
    expect(info).toHaveBeenCalledTimes(1)
    info.mockRestore()
  })
})

describe('the memory journal', () => {
  it('keeps the newest records of each kind, counts the dropped ones, and returns the newest first', () => {
    const journal = createMemoryJournal({ capacity: 3 })
    journal.append({ kind: 'error', name: 'kept', payload: {} })
    for (let i = 0; i < 5; i++) journal.append({ kind: 'event', name: `n${i}`, payload: {} })
    expect(journal.query().map((record) => record.name)).toEqual(['n4', 'n3', 'n2', 'kept'])
    expect(journal.query({ kinds: ['error'] }).map((record) => record.name)).toEqual(['kept'])
    expect(journal.query({ limit: 1 }).map((record) => record.name)).toEqual(['n4'])
    expect(journal.dropped).toBe(2)
  })
  it('continues with the records of an earlier process', () => {
    const first = createMemoryJournal()
    for (let i = 0; i < 5; i++) first.append({ kind: 'event', name: `n${i}`, payload: {} })
    const second = createMemoryJournal({ capacity: 3, initial: first.query().toReversed() })
    second.append({ kind: 'event', name: 'n5', payload: {} })
    expect(second.query().map((record) => record.name)).toEqual(['n5', 'n4', 'n3'])
    expect(second.dropped).toBe(1)
  })
  it('calls its subscribers, and survives one that throws', () => {
    const journal = createMemoryJournal()
    const names: string[] = []
    journal.subscribe(() => {
      throw new Error('no')
    })
    const stop = journal.subscribe((record) => names.push(record.name))
    journal.append({ kind: 'event', name: 'a', payload: {} })
    stop()
    journal.append({ kind: 'event', name: 'b', payload: {} })
    expect(names).toEqual(['a'])
  })
})

it('makes ids that sort by time and never repeat, even when the clock goes back', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1_700_000_000_000, max: 1_700_000_100_000 }), { minLength: 2 }), (times) => {
      const ids = times.map((time) => sortableId(time))
      expect([...ids].sort()).toEqual(ids)
      expect(new Set(ids).size).toBe(ids.length)
    }),
  )
})

describe('validate', () => {
  const schema = z.object({ tracks: z.array(z.object({ title: z.string().min(1, 'is empty') })) })
  it('returns the parsed value, or an error with the path of the problem and without the value', async () => {
    expect(await validate(schema, { tracks: [{ title: 'a' }] }, 'The payload')).toEqual({ tracks: [{ title: 'a' }] })
    await expect(validate(schema, { tracks: [{ title: '' }] }, 'The payload')).rejects.toMatchObject({
      code: 'VALIDATION_FAILED',
      message: 'The payload is not valid: tracks.0.title: is empty',
      issues: [{ path: 'tracks.0.title', message: 'is empty' }],
    })
  })
})

it('says what to install when a peer is missing, and retries with the next call', async () => {
  let attempts = 0
  const load = lazyPeer(async () => {
    attempts += 1
    if (attempts === 1) throw peerMissing('cache', '@upstash/redis', new Error('Cannot find package'))
    return 'module'
  })
  await expect(load()).rejects.toMatchObject({
    code: 'PEER_MISSING',
    hint: expect.stringContaining('npm install @upstash/redis'),
  })
  expect(await load()).toBe('module')
  expect(await load()).toBe('module')
  expect(attempts).toBe(2)
})

it('returns the worst of several statuses', () => {
  expect(worstStatus(['ready', 'not-configured'])).toBe('ready')
  expect(worstStatus(['ready', 'degraded', 'ready'])).toBe('degraded')
  expect(worstStatus(['degraded', 'down'])).toBe('down')
})

describe('the address of a server', () => {
  const protocol = /^postgres:$/
  it.each([
    'postgres://app:secret@db:5432/m',
    'postgres://app:sec%40ret@db/m',
    'postgres://app@db/m?application_name=a@b',
    'postgres://db/m',
    'postgres://:secret@db/m?application_name=a@b',
    'postgres://db/m?user=me@server&password=secret',
    'postgres://db?user=me@server',
    'postgres://db?connectionName=me@server',
    'postgres:///m?host=/var/run/postgresql',
    'postgres://user%40tenant:secret@db/m?options=project%3Da',
  ])('may be %s', (address) => {
    expect(parseServerAddress(address, protocol)?.href).toContain('postgres:')
  })
  it.each([
    'postgres://app:47/secret@db:5432/m',
    'postgres://app:47?secret@db:5432/m',
    'postgres://app:47#secret@db:5432/m',
    'postgres://me@app:47?secret@db:5432/m',
    'postgres://app:47/a?secret@db/m',
    'postgres://app:47/hunter2?x=y@db:5432/m',
    'postgres://app:/hunter2?x=y@db:5432/m',
    'postgres://app:47?x=hunter2@db/m',
    'postgres://app:47?a=b&x=hunter2@db/m',
    'postgres://app:a@47/secret@db/m',
    '"postgres://app:secret@db/m"',
    'redis://db',
    '',
  ])('may not be %s', (address) => {
    expect(parseServerAddress(address, protocol)).toBeUndefined()
  })
})
