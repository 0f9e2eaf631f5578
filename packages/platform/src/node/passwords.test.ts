import { execFile } from 'node:child_process'
import { scryptSync } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import { createManualClock } from '@msc/core/testing'
import fc from 'fast-check'
import { build } from 'esbuild'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { formatHash, parseHash } from './passwords-hash.ts'
import { createPasswords, type Passwords, type PasswordsOptions } from './passwords.ts'

const opened: Passwords[] = []
const passwordsOf = (options?: PasswordsOptions): Passwords => {
  const passwords = createPasswords(options)
  opened.push(passwords)
  return passwords
}
afterEach(async () => {
  vi.restoreAllMocks()
  await Promise.all(opened.splice(0).map((each) => each.close()))
})

/** A hash of a small cost, so that the tests don't take long. */
function cheap(password: string, n = 16, r = 1, p = 1): string {
  const salt = Buffer.alloc(16, 7)
  return formatHash({ n, r, p, salt, key: scryptSync(password, salt, 32, { N: n, r, p }) })
}

describe('a password', () => {
  it('is verified only against its own hash, which is of the current cost and salted', async () => {
    const passwords = passwordsOf()
    const hash = await passwords.hash('night-drive')
    expect(hash).toMatch(/^scrypt\$65536\$8\$2\$[\w-]{22}\$[\w-]{43}$/)
    expect(await passwords.hash('night-drive')).not.toBe(hash)
    expect(await passwords.verify('night-drive', hash)).toEqual({ matches: true, outdated: false })
    expect(await passwords.verify('Night-drive', hash)).toEqual({ matches: false, outdated: false })
  })

  it('of an older cost is verified, and to be hashed again', async () => {
    const salt = Buffer.alloc(16, 1)
    const key = scryptSync('night-drive', salt, 32, { N: 2 ** 17, r: 8, p: 1, maxmem: 2 ** 28 })
    const old = `scrypt$131072$8$1$${salt.toString('base64url')}$${key.toString('base64url')}`
    const passwords = passwordsOf()
    expect(await passwords.verify('night-drive', old)).toEqual({ matches: true, outdated: true })
    expect(await passwords.verify('nite-drive', old)).toEqual({ matches: false, outdated: false })
  })

  it('is the same however its characters were typed', async () => {
    const passwords = passwordsOf()
    expect(await passwords.verify('cafe\u0301', cheap('caf\u00e9'))).toMatchObject({ matches: true })
  })

  it('that is too long or empty is not hashed, and matches nothing', async () => {
    const passwords = passwordsOf()
    for (const wrong of ['', 'x'.repeat(1025), '\u20ac'.repeat(400), '\ufdfa'.repeat(1000)]) {
      await expect(passwords.hash(wrong)).rejects.toMatchObject({ code: 'PASSWORD_INVALID' })
    }
    expect(await passwords.verify('x'.repeat(1025), cheap('x'.repeat(1025)))).toMatchObject({ matches: false })
  })
})

describe('a stored value', () => {
  it.each([
    ['no hash', 'plain'],
    ['empty', ''],
    ['too much memory', cheap('a').replace('$16$1$1$', '$262144$8$1$')],
    ['too much work', cheap('a').replace('$16$1$1$', '$65536$8$64$')],
    ['no power of two', cheap('a').replace('$16$1$1$', '$65535$8$1$')],
    ['N of one', cheap('a').replace('$16$1$1$', '$1$8$1$')],
    ['r of nothing', cheap('a').replace('$16$1$1$', '$16$0$1$')],
    ['a short hash', 'scrypt$16$1$1$AAAAAAAAAAAAAAAAAAAAAA$AAAA'],
    ['a short salt', `scrypt$16$1$1$AAAA$${'A'.repeat(43)}`],
    ['N too large for its r', cheap('a').replace('$16$1$1$', '$65536$1$1$')],
    ['more parts than memory', cheap('a').replace('$16$1$1$', '$2$999$999$')],
    ['a salt that was cut off', cheap('a').replace(/(\$16\$1\$1\$).*\$/, '$1$')],
    ['endless', `scrypt$16$1$1$AAAAAAAAAAAAAAAAAAAAAA$${'A'.repeat(100_000)}`],
  ])('that is %s matches nothing, and is reported', async (_, stored) => {
    const onError = vi.fn()
    expect(await passwordsOf({ onError }).verify('a', stored)).toEqual({ matches: false, outdated: false })
    expect(onError).toHaveBeenCalledWith(
      expect.objectContaining({ code: 'PASSWORD_HASH_UNREADABLE' }),
      expect.anything(),
    )
  })

  it('that can not be read is reported once, however often somebody tries', async () => {
    const onError = vi.fn()
    const passwords = passwordsOf({ onError })
    for (const stored of ['plain', 'plain', 'other']) await passwords.verify('a', stored)
    expect(onError).toHaveBeenCalledTimes(2)
  })

  it('that only OpenSSL refuses matches nothing and costs the hash of an unknown account', async () => {
    const onError = vi.fn()
    const posted = vi.spyOn(Worker.prototype, 'postMessage')
    const passwords = passwordsOf({ onError })
    vi.spyOn(Math, 'log2').mockReturnValueOnce(4)
    const wrong = cheap('a').replace('$16$1$1$', '$15$1$1$')
    expect(await passwords.verify('a', wrong)).toEqual({ matches: false, outdated: false })
    expect(onError).toHaveBeenCalledTimes(1)
    expect(posted.mock.calls.map(([input]) => (input as { n: number }).n)).toEqual([15, 65_536])
    // The thread is the same one, and goes on.
    expect(await passwords.verify('a', cheap('a'))).toMatchObject({ matches: true })
  })

  it('of any cost that is taken can be computed', async () => {
    const passwords = passwordsOf({ onError: () => {} })
    const power = fc.integer({ min: 1, max: 20 }).map((bits) => 2 ** bits)
    const cost = fc.tuple(power, fc.integer({ min: 1, max: 999 }), fc.integer({ min: 1, max: 999 }))
    await fc.assert(
      fc.asyncProperty(cost, async ([n, r, p]) => {
        const stored = cheap('a').replace('$16$1$1$', `$${n}$${r}$${p}$`)
        // The larger ones take their time, and differ in nothing else.
        fc.pre(parseHash(stored) !== undefined && n * r * p <= 2 ** 15)
        expect(await passwords.verify('b', stored)).toEqual({ matches: false, outdated: false })
      }),
      { numRuns: 60 },
    )
  })

  it('of any text is taken apart or refused, and never costs more than a hash of ours', () => {
    const field = fc.oneof(fc.nat(300_000).map(String), fc.string({ maxLength: 6 }))
    fc.assert(
      fc.property(field, field, field, fc.base64String(), fc.base64String(), (n, r, p, salt, key) => {
        const parsed = parseHash(['scrypt', n, r, p, salt, key].join('$'))
        if (parsed) expect(128 * parsed.n * parsed.r).toBeLessThanOrEqual(2 ** 27)
      }),
    )
  })
})

describe('an unknown account', () => {
  it('costs the same hash as a known one', async () => {
    const posted = vi.spyOn(Worker.prototype, 'postMessage')
    const passwords = passwordsOf({ onError: () => {} })
    const hash = await passwords.hash('a')
    for (const stored of [hash, undefined, null, 'plain']) await passwords.verify('a', stored)
    await passwords.verify('x'.repeat(5000), undefined)
    const costs = posted.mock.calls.map(([input]) => {
      const { n, r, p, bytes } = input as Record<string, number>
      return [n, r, p, bytes]
    })
    expect(costs).toEqual(Array.from({ length: 6 }, () => [65_536, 8, 2, 32]))
    expect(await passwords.verify('a', undefined)).toEqual({ matches: false, outdated: false })
  }, 60_000)
})

describe('many at once', () => {
  it('wait for each other, and are refused with the time to come back when too many wait', async () => {
    const passwords = passwordsOf({ maxWaiting: 2 })
    const stored = cheap('a', 2 ** 14, 8)
    const calls = Array.from({ length: 5 }, () => passwords.verify('a', stored))
    const outcomes = await Promise.allSettled(calls)
    expect(outcomes.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'rejected',
      'rejected',
    ])
    expect(outcomes[4]).toMatchObject({
      reason: { code: 'PASSWORDS_BUSY', retryable: true, retryAfterMs: expect.any(Number) },
    })
    expect((outcomes[4] as { reason: { retryAfterMs: number } }).reason.retryAfterMs).toBeGreaterThanOrEqual(1000)
    expect(await passwords.verify('a', stored)).toMatchObject({ matches: true })
  })

  it('leave half of the queue, and every second turn, to those who are known to the account, and have the other half', async () => {
    const passwords = passwordsOf({ maxWaiting: 4 })
    const stored = cheap('a', 2 ** 14, 8)
    const ended: string[] = []
    const verify = (name: string): Promise<unknown> =>
      passwords.verify('a', stored, { preferred: name.startsWith('known') }).then(
        () => ended.push(name),
        ({ code }: { code: string }) => ended.push(`${name} ${code}`),
      )
    const strangers = ['a', 'b', 'c', 'd', 'e'].map(verify)
    expect([passwords.hasRoom(), passwords.hasRoom({ preferred: true })]).toEqual([false, true])
    const known = ['known1', 'known2', 'known3'].map(verify)
    expect([passwords.hasRoom(), passwords.hasRoom({ preferred: true })]).toEqual([false, false])
    await Promise.all([...strangers, ...known, verify('f')])
    const refused = ['d', 'e', 'f', 'known3'].map((name) => `${name} PASSWORDS_BUSY`)
    expect(ended.filter((each) => each.includes('BUSY')).toSorted()).toEqual(refused.toSorted())
    expect(ended.filter((each) => !each.includes('BUSY'))).toEqual(['a', 'known1', 'b', 'known2', 'c'])
    expect(passwords.hasRoom()).toBe(true)
  })

  it('give the place of a client that waits more often to one that does not', async () => {
    const passwords = passwordsOf({ maxWaiting: 4 })
    const stored = cheap('a', 2 ** 14, 8)
    const ended: string[] = []
    const verify = (client: string): Promise<unknown> =>
      passwords.verify('a', stored, { preferred: true, client }).then(
        () => ended.push(client),
        ({ code }: { code: string }) => ended.push(`${client} ${code}`),
      )
    const flood = ['artist', 'artist', 'artist', 'artist', 'artist'].map(verify)
    expect(passwords.hasRoom({ preferred: true, client: 'artist' })).toBe(false)
    expect(passwords.hasRoom({ preferred: true, client: 'owner' })).toBe(true)
    await Promise.all([...flood, verify('owner')])
    expect(ended).toEqual(['artist PASSWORDS_BUSY', 'artist', 'artist', 'owner', 'artist', 'artist'])
  })

  it('leave the queue when their request is aborted, and another takes the place', async () => {
    const passwords = passwordsOf({ maxWaiting: 1 })
    const stored = cheap('a', 2 ** 14, 8)
    const first = passwords.verify('a', stored)
    const leaving = new AbortController()
    const second = passwords.verify('a', stored, { signal: leaving.signal })
    await expect(passwords.verify('a', stored)).rejects.toMatchObject({ code: 'PASSWORDS_BUSY' })
    leaving.abort(new Error('gone'))
    await expect(second).rejects.toThrow('gone')
    const third = passwords.verify('a', stored)
    expect(await Promise.all([first, third])).toHaveLength(2)
    await expect(passwords.verify('a', stored, { signal: leaving.signal })).rejects.toThrow('gone')
  })

  it.runIf(process.platform === 'linux')('give way to requests', async () => {
    await passwordsOf().hash('night-drive')
    const { readFileSync, readdirSync } = await import('node:fs')
    // The seventeenth field after the name is the niceness. Source: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    const nicenessOf = (thread: string | number): number =>
      Number(readFileSync(`/proc/self/task/${thread}/stat`, 'utf8').split(') ')[1]?.split(' ')[16])
    const main = nicenessOf(process.pid)
    expect(
      readdirSync('/proc/self/task')
        .map(nicenessOf)
        .filter((niceness) => niceness > main),
    ).toEqual([10])
  })

  it('raise the memory of a process by no more than 150 MB', async () => {
    const script = fileURLToPath(new URL('./__fixtures__/passwords-load.ts', import.meta.url))
    const { stdout } = await promisify(execFile)(process.execPath, [
      '--conditions=@msc/source',
      '--no-warnings',
      script,
    ])
    const figures = JSON.parse(stdout) as Record<string, number>
    expect(figures).toMatchObject({ verified: 9, busy: 191 })
    expect(figures['rssMB']).toBeLessThan(150)
  })
})

describe('the thread', () => {
  const kill = async (thread: Worker): Promise<unknown> => thread.terminate()

  it('is replaced when it dies, and who waited for it is told', async () => {
    const passwords = passwordsOf()
    const posted = vi.spyOn(Worker.prototype, 'postMessage')
    const stored = cheap('a', 2 ** 14, 8)
    const calls = [passwords.verify('a', stored), passwords.verify('a', stored)]
    await vi.waitFor(() => expect(posted).toHaveBeenCalled())
    await kill(posted.mock.contexts[0] as Worker)
    await expect(calls[0]).rejects.toMatchObject({ code: 'PASSWORDS_FAILED', retryable: true })
    expect(await calls[1]).toMatchObject({ matches: true })
  })

  it('that is killed while nobody waits is replaced too', async () => {
    const passwords = passwordsOf()
    const posted = vi.spyOn(Worker.prototype, 'postMessage')
    await passwords.verify('a', cheap('a'))
    await kill(posted.mock.contexts[0] as Worker)
    expect(await passwords.verify('a', cheap('a'))).toMatchObject({ matches: true })
    expect(posted.mock.contexts[1]).not.toBe(posted.mock.contexts[0])
  })

  it('that does not answer in time is ended, and the next one gets a new one', async () => {
    const clock = createManualClock()
    const passwords = passwordsOf({ clock, timeoutMs: 60_000 })
    const silent = vi.spyOn(Worker.prototype, 'postMessage').mockImplementationOnce(() => undefined)
    const first = passwords.verify('a', cheap('a'))
    const second = passwords.verify('a', cheap('a'))
    const refused = expect(first).rejects.toMatchObject({ code: 'PASSWORDS_FAILED' })
    await clock.advance(10_001)
    await refused
    expect(await second).toMatchObject({ matches: true })
    expect(silent).toHaveBeenCalledTimes(2)
  })

  it('ends after a time without calls', async () => {
    const clock = createManualClock()
    const passwords = passwordsOf({ clock })
    const posted = vi.spyOn(Worker.prototype, 'postMessage')
    await passwords.verify('a', cheap('a'))
    const thread = posted.mock.contexts[0] as Worker
    const exited = new Promise((resolve) => thread.once('exit', resolve))
    await clock.advance(30_001)
    await exited
    expect(clock.pending).toBe(0)
    expect(await passwords.verify('a', cheap('a'))).toMatchObject({ matches: true })
  })

  it('ends with everything that waits for it when it is closed', async () => {
    const passwords = passwordsOf()
    const stored = cheap('a', 2 ** 14, 8)
    const calls = [1, 2, 3].map(() => passwords.verify('a', stored))
    const outcomes = Promise.allSettled(calls)
    await passwords.close()
    for (const outcome of await outcomes) expect(outcome).toMatchObject({ reason: { code: 'PASSWORDS_CLOSED' } })
    await expect(passwords.verify('a', stored)).rejects.toMatchObject({ code: 'PASSWORDS_CLOSED' })
  })

  it('works in an application that is bundled into one file, and keeps no process open', async () => {
    const program = `import { createPasswords } from './passwords.ts'
      const { matches } = await createPasswords().verify('a', ${JSON.stringify(cheap('a'))})
      console.log(matches)`
    const { outputFiles } = await build({
      stdin: { contents: program, resolveDir: fileURLToPath(new URL('.', import.meta.url)), loader: 'ts' },
      bundle: true,
      format: 'esm',
      platform: 'node',
      conditions: ['@msc/source'],
      write: false,
      logLevel: 'silent',
    })
    const text = outputFiles[0]?.text as string
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', text], {
      timeout: 15_000,
    })
    expect(stdout).toBe('true\n')
  })
})
