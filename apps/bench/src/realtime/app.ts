import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '@msc/core/testing'
import { target } from '../targets.ts'

/** As many as the app takes from one user in a minute, and some to spare. */
const RELEASES = 90
const PAUSE_MS = 400

interface Page {
  evaluate<T, Argument>(run: (argument: Argument) => T | Promise<T>, argument: Argument): Promise<T>
}

/**
 * From the row to a callback in the browser, in the web app as it is served: an artist creates releases in one tab, and
 * another tab hears of them. Measured from the time at which the row's transaction began, so the commit is in it.
 */
export async function benchRealtimeApp(): Promise<void> {
  const executablePath = (process.env['PATH'] ?? '')
    .split(delimiter)
    .flatMap((folder) => ['chromium', 'chromium-browser', 'google-chrome'].map((name) => join(folder, name)))
    .find((path) => existsSync(path))
  if (!executablePath) throw new Error('Chromium is needed: apt-get install chromium')
  // Only here: it is large, and the other benchmarks measure memory.
  const { chromium } = await import('playwright-core')
  const app = await startApp()
  const browser = await chromium.launch({
    executablePath,
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
  })
  try {
    const context = await browser.newContext()
    const writing = await context.newPage()
    await writing.goto(`${app.url}/sign-in`)
    await writing.getByLabel('Email').fill(app.email)
    await writing.getByLabel('Password').fill(app.password)
    await writing.getByRole('button', { name: 'Sign in' }).click()
    await writing.locator('[data-live=true]').waitFor()
    const listening = await context.newPage()
    await listening.goto(`${app.url}/releases`)
    await listening.locator('[data-live=true]').waitFor()

    for (const [label, tab] of [
      ['the tab that has the connection', writing],
      ['a tab that shares it', listening],
    ] as const) {
      await listen(tab)
      console.log(`  listening: ${label}`)
    }
    const created = await create(writing)
    await listening.waitForTimeout(2000)
    console.log(`\n${created} releases, from the row to the callback, ms`)
    for (const [label, tab] of [
      ['the tab that has the connection', writing],
      ['a tab that shares it', listening],
    ] as const) {
      const heard = await tab.evaluate(() => (globalThis as unknown as { heard: number[] }).heard)
      if (heard.length < created) throw new Error(`${label}: ${heard.length} of ${created} were heard of`)
      const sorted = heard.toSorted((a, b) => a - b)
      const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? Number.NaN
      console.log(`  ${label}: p50 ${at(0.5).toFixed(1)}, p95 ${at(0.95).toFixed(1)}, max ${at(0.999).toFixed(1)}`)
      target(`${label}, p95`, at(0.95), 100, 'ms')
    }
  } finally {
    await browser.close()
    await app.stop()
  }
}

/** Beside what the app itself listens to, on the same client. */
function listen(tab: Page): Promise<void> {
  return tab.evaluate(async () => {
    interface Client {
      feed(
        table: string,
        owner: string,
        onChange: (change: { type: string; data: { created_at: string } }) => void,
      ): void
    }
    const page = globalThis as unknown as Record<symbol, Client> & { heard: number[] }
    const client = page[Symbol.for('@msc/realtime@1')]
    if (!client) throw new Error('The page has no client.')
    page.heard = []
    const response = await fetch('/api/realtime/token', { method: 'POST' })
    const { token } = (await response.json()) as { token: string }
    const { sub } = JSON.parse(atob(token.split('.')[1] ?? '')) as { sub: string }
    client.feed('releases', sub, ({ type, data }) => {
      if (type === 'INSERT') page.heard.push(performance.timeOrigin + performance.now() - Date.parse(data.created_at))
    })
  }, undefined)
}

function create(tab: Page): Promise<number> {
  return tab.evaluate(
    async ({ releases, pauseMs }) => {
      let created = 0
      for (let index = 0; index < releases; index++) {
        const response = await fetch('/api/releases', {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({
            title: `Release ${index}`,
            artistName: 'Somebody',
            genre: 'Other',
            releaseDate: '2026-12-01',
          }),
        })
        if (response.status === 201) created += 1
        await new Promise((resolve) => setTimeout(resolve, pauseMs))
      }
      return created
    },
    { releases: RELEASES, pauseMs: PAUSE_MS },
  )
}

async function startApp(): Promise<{ url: string; email: string; password: string; stop(): Promise<void> }> {
  const port = await freePort()
  const dataDir = mkdtempSync(join(tmpdir(), 'msc-bench-'))
  const { PATH = '', HOME = '' } = process.env
  const child = spawn(process.execPath, ['server/main.ts'], {
    cwd: fileURLToPath(new URL('../../../web', import.meta.url)),
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH,
      HOME,
      NODE_ENV: 'production',
      NEXT_TELEMETRY_DISABLED: '1',
      MSC_ALLOW_EMBEDDED: '1',
      MSC_PROFILE: 'local',
      MSC_DATA_DIR: dataDir,
      PORT: String(port),
    },
  })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  let output = ''
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString()
      if (output.includes('Stop: Ctrl-C')) resolve()
    })
    child.once('exit', (code) => reject(new Error(`The app ended at start with code ${code}`)))
  })
  const [, email = '', password = ''] = /Sign in as artist\s+(\S+)\s+(.+)/.exec(output) ?? []
  return {
    url: `http://127.0.0.1:${port}`,
    email,
    password: password.trim(),
    async stop() {
      child.kill('SIGINT')
      await ended
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}
