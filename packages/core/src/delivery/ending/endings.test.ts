import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { atProcessEnd } from './endings.ts'
import { rejectionMode } from './host-process.ts'

const script = fileURLToPath(new URL('__fixtures__/ending-script.ts', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'msc-endings-'))
let server: Server
let files = 0

beforeAll(async () => {
  // Each script posts to a path of its own. Paths below /silent get no answer.
  server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => (body += String(chunk)))
    request.on('end', () => {
      if (request.url?.startsWith('/silent')) return
      received.set(request.url ?? '', [...(received.get(request.url ?? '') ?? []), ...body.trim().split('\n')])
      response.end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
  rmSync(folder, { recursive: true })
})

// Processes start slowly when many start at once.
vi.setConfig({ testTimeout: 60_000 })

const received = new Map<string, string[]>()

interface Ending {
  readonly code: number | null
  readonly signal: string | null
  readonly output: string
  readonly errors: string
  readonly items: readonly string[]
  readonly ms: number
}

async function run(
  way: string,
  sink: 'file' | 'http' | 'silent',
  flags: readonly string[] = [],
  signal: NodeJS.Signals = 'SIGTERM',
): Promise<Ending> {
  const path = `/${sink === 'silent' ? 'silent' : 'open'}/${files++}`
  const file = join(folder, `${files}`)
  const target = sink === 'file' ? file : `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`
  const from = performance.now()
  const child = spawn(process.execPath, ['--conditions=@msc/source', '--no-warnings', ...flags, script, way, target], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  let output = ''
  let errors = ''
  child.stdout.on('data', (chunk) => {
    output += String(chunk)
    if (output.includes('ready')) child.kill(signal)
  })
  child.stderr.on('data', (chunk) => (errors += String(chunk)))
  const [code, endedBy] = await new Promise<[number | null, string | null]>((resolve) => {
    child.on('close', (...status) => resolve(status))
  })
  // Last words may repeat items in flight; a backend deduplicates by id.
  const items = [...new Set(itemsOf(file, path))]
  return { code, signal: endedBy, output, errors, items, ms: performance.now() - from }
}

function itemsOf(file: string, path: string): readonly string[] {
  const posted = received.get(path)
  if (posted) return posted
  try {
    return readFileSync(file, 'utf8').trim().split('\n')
  } catch {
    return []
  }
}

const ITEMS = ['a', 'b', 'c']

describe.concurrent.each(['file', 'http'] as const)('a process with a %s sink that ends', (sink) => {
  it('by itself has delivered everything', async () => {
    expect(await run('natural', sink)).toMatchObject({ code: 0, items: ITEMS, errors: '' })
  })

  it('by itself keeps its exit code', async () => {
    expect(await run('exit code', sink)).toMatchObject({ code: 3, items: ITEMS })
  })

  it('by an uncaught error has delivered that too, and ends as Node would', async () => {
    const ending = await run('uncaught', sink)
    expect(ending).toMatchObject({ code: 1, signal: null })
    expect([...ending.items].sort()).toEqual([...ITEMS, 'uncaughtException nobody caught this'])
    expect(ending.errors).toMatch(/^Error: nobody caught this\n +at .*ending-script\.ts:\d+[^]*Node\.js v/)
  })

  it('by an unhandled rejection has delivered that too, and ends as Node would', async () => {
    const ending = await run('unhandled', sink)
    expect(ending).toMatchObject({ code: 1, signal: null })
    expect([...ending.items].sort()).toEqual([...ITEMS, 'unhandledRejection nobody caught this'])
    expect(ending.errors).toMatch(/^Error: nobody caught this\n +at .*ending-script\.ts:\d+/)
  })

  it('by a signal has delivered everything, and the parent sees the signal', async () => {
    expect(await run('SIGTERM', sink)).toMatchObject({ code: null, signal: 'SIGTERM', items: ITEMS })
  })
})

describe.concurrent('the end of a process', () => {
  it('by process.exit() leaves time only for last words', async () => {
    expect(await run('exit', 'file')).toMatchObject({ code: 4, items: ITEMS })
    expect(await run('exit', 'http')).toMatchObject({ code: 4, items: [] })
  })

  it('prints a thrown value even if it is not an error', async () => {
    expect(await run('uncaught value', 'file')).toMatchObject({ code: 1, errors: expect.stringContaining("'a text'") })
    const rejected = await run('unhandled value', 'file')
    expect(rejected).toMatchObject({ code: 1, errors: expect.stringContaining('ERR_UNHANDLED_REJECTION') })
    // Without a listener, this is all that Node reveals of the value.
    expect(rejected.errors).toContain('#<Object>')
  })

  it('is left to an application that listens for errors itself', async () => {
    const thrown = await run('own uncaught listener', 'http')
    expect(thrown).toMatchObject({ code: 9, errors: '' })
    expect([...thrown.items].sort()).toEqual([...ITEMS, 'uncaughtException nobody caught this'])
    const rejected = await run('own uncaught listener, rejection', 'http')
    expect(rejected).toMatchObject({ code: 9, errors: '', output: 'unhandledRejection\n' })
  })

  it('is left to an application that listens once for a signal', async () => {
    expect(await run('own SIGTERM listener', 'http')).toMatchObject({ code: 5, signal: null, items: ITEMS })
  })

  it.each(['SIGHUP', 'SIGINT', 'SIGQUIT'] as const)('by %s delivers too', async (signal) => {
    const ending = await run('SIGTERM', 'http', [], signal)
    expect(ending).toMatchObject({ code: null, signal, items: ITEMS })
  })

  it('does not come to an application that starts to listen for the signal meanwhile', async () => {
    expect(await run('SIGTERM listener comes late', 'http')).toMatchObject({ code: 6, signal: null, items: ITEMS })
  })

  it.each(['hostile inspect', 'hostile stack', 'revoked proxy'])(
    'delivers an error that cannot be printed: %s',
    async (way) => {
      const ending = await run(way, 'http')
      expect(ending).toMatchObject({ code: 1, items: expect.arrayContaining(ITEMS) })
      expect(ending.errors).not.toBe('')
    },
  )

  it('passes the error of a rejection to monitors once, and leaves it to a capture callback', async () => {
    expect(await run('monitored rejection', 'http')).toMatchObject({ code: 1, output: 'unhandledRejection\n' })
    const captured = await run('captured rejection', 'http')
    expect(captured).toMatchObject({ code: 0, output: 'nobody caught this\nalive\n', errors: '' })
    expect(captured.items).toContain('unhandledRejection nobody caught this')
  })

  it('has the exit status of the error even if the application exits during its delivery', async () => {
    expect(await run('exit while it is delivered', 'silent')).toMatchObject({ code: 1 })
  })

  it('is unchanged after the last listener for rejections was removed', async () => {
    expect(await run('listener that went', 'http')).toMatchObject({ code: 1, output: '0\n' })
  })

  it.each(['uncaught', 'unhandled'])('of a worker (%s) gives its parent the error', async (way) => {
    const ending = await run(`worker ${way}`, 'http')
    expect(ending).toMatchObject({ code: 0, output: 'error: nobody caught this\nexit: 1\n', errors: '' })
    expect(ending.items.filter((item) => item.endsWith('nobody caught this'))).toHaveLength(1)
    expect(ending.items).toEqual(expect.arrayContaining(ITEMS))
  })

  it('is not caused by a rejection that is handled in time or that the application listens for', async () => {
    expect(await run('handled in time', 'http')).toMatchObject({ code: 0, items: ITEMS, errors: '' })
    const later = await run('handled later, own listener', 'http')
    expect(later).toMatchObject({ code: 0, output: 'mine\nhandled\n', errors: '' })
    expect(later.items).toContain('unhandledRejection nobody caught this')
  })

  it('is caused by a rejection that is handled too late, as in Node', async () => {
    expect(await run('handled too late', 'http')).toMatchObject({ code: 1 })
  })

  it.each([
    ['warn', 0],
    ['none', 0],
    ['warn-with-error-code', 1],
    ['strict', 1],
    ['throw', 1],
  ])('obeys --unhandled-rejections=%s', async (mode, code) => {
    const ending = await run('handled too late', 'http', [`--unhandled-rejections=${mode}`])
    expect(ending).toMatchObject({ code })
    const fatal = mode === 'strict' || mode === 'throw'
    // A failing process may also get this far during its delivery.
    if (!fatal) expect(ending.output).toBe('caught at last\n')
    expect(ending.items.filter((item) => item.startsWith('unhandledRejection'))).toHaveLength(1)
  })

  it('comes even if a participant fails in every way', async () => {
    const ending = await run('participant fails', 'http')
    expect(ending.code).toBe(1)
    expect(ending.items).toEqual(expect.arrayContaining(ITEMS))
    expect(ending.errors).toContain('flush failed')
  })

  it.each([
    ['natural', 0, null],
    ['uncaught', 1, null],
    ['SIGTERM', null, 'SIGTERM'],
  ])('does not wait long for a backend that does not answer: %s', async (way, code, signal) => {
    const ending = await run(way, 'silent')
    expect(ending).toMatchObject({ code, signal })
    expect(ending.ms).toBeLessThan(15_000)
  })

  it('has no listener left without a participant', async () => {
    expect(await run('no participant', 'http')).toMatchObject({ code: 0, output: 'as before\n' })
  })
})

describe('outside of Node', () => {
  it.each([
    ['nothing', undefined],
    ['a process without events', { env: {} }],
    [
      'a process that throws',
      {
        versions: { node: '24' },
        get on() {
          throw new Error('not supported')
        },
      },
    ],
  ])('participation is harmless with %s', (_, process) => {
    vi.stubGlobal('process', process)
    try {
      atProcessEnd({ flush: async () => {}, lastWords: () => {} })()
    } finally {
      vi.unstubAllGlobals()
    }
  })
})

describe('--unhandled-rejections', () => {
  it.each([
    [[], undefined, 'throw'],
    [['--unhandled-rejections=warn'], undefined, 'warn'],
    [['--unhandled-rejections', 'none'], undefined, 'none'],
    [['--unhandled_rejections=strict'], '--unhandled-rejections=warn', 'strict'],
    [['--inspect'], '--max-old-space-size=64 --unhandled-rejections=warn', 'warn'],
    [['--unhandled-rejections=what'], undefined, 'throw'],
  ])('%j with NODE_OPTIONS=%s is %s', (execArgv, options, mode) => {
    expect(rejectionMode({ execArgv, env: { NODE_OPTIONS: options } })).toBe(mode)
  })
})
