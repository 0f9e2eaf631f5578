import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Journal, JournalEntry, JournalRecord } from '@msc/core'
import { fingerprintOf } from '@msc/monitoring'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createConsole } from '../console/create-console.ts'
import { createFileJournal } from '../journal/file-journal.ts'
import type { Issue } from '../views/issues.ts'
import { createIngest } from './create-ingest.ts'

const POSTS = 200
const RECORDS = 400
const MAX_SOURCE_BYTES = 4 * 1024 * 1024

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'msc-flood-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const trace = (n: number): string => String(n + 1).padStart(32, '0')
const frames = [{ function: 'payOut', file: '/app/pay.ts', line: 3, column: 4, inApp: true }]
const stack = 'Error: payout failed\n    at payOut (/app/pay.ts:3:4)'

/** What the server itself has captured, as its monitoring writes it. */
const OWN: readonly JournalEntry[] = Array.from({ length: 5 }, (_, n) => {
  const message = `payout ${'abcde'[n]} failed`
  return {
    kind: 'error',
    name: `Error: ${message}`,
    fingerprint: fingerprintOf({ name: 'Error', message, frames }),
    traceId: trace(n),
    userId: 'ana',
    payload: { message, errors: [{ name: 'Error', message, stack, frames }], tags: { digest: 'D1' } },
  }
})

/** Errors that claim to be those of the server, in every way that a sender has. */
function hostile(post: number): object[] {
  return Array.from({ length: RECORDS }, (_, n) => {
    const own = OWN[n % OWN.length] as JournalEntry
    const isSame = n % 2 === 0
    const error = { name: 'Error', message: isSame ? own.payload['message'] : 'FORGED', frames, stack: 'FORGED STACK' }
    return {
      kind: 'error',
      name: isSame ? own.name : 'FORGED',
      ts: [1e300, 0, -1, Number.MAX_SAFE_INTEGER, Date.now() + 50_000][n % 5],
      source: 'own',
      fingerprint: own.fingerprint,
      traceId: own.traceId,
      userId: 'ana',
      payload: {
        errors: [error],
        fingerprintChosen: n % 3 === 0,
        fingerprint: own.fingerprint,
        tags: { digest: 'D1', a: { toString: 1 } },
        extra: { text: `${post}.${n} `.repeat(20) },
      },
    }
  })
}

async function flood(journal: Journal): Promise<void> {
  const ingest = createIngest({ journal, basePath: '/api/msc' })
  for (let post = 0; post < POSTS; post++) {
    const body = JSON.stringify({ records: hostile(post) })
    const answer = await ingest(new Request('http://127.0.0.1/api/msc/browser', { method: 'POST', body }))
    expect(answer.status).toBe(204)
  }
}

const ownErrors = (journal: Journal): JournalRecord[] =>
  journal.query({ kinds: ['error'], received: false }).toReversed()

async function shown(journal: Journal, path: string): Promise<string> {
  const page = await createConsole({ journal, authorize: () => true })(new Request(`http://127.0.0.1/devtools${path}`))
  expect(page.status).toBe(200)
  return page.text()
}

describe('eighty thousand hostile errors from browsers', { timeout: 120_000 }, () => {
  it('leave the server’s five unchanged: in memory, on the pages and on disk', async () => {
    const limits = { dir, maxBytes: 100_000, maxFiles: 12, maxSourceBytes: MAX_SOURCE_BYTES }
    const journal = createFileJournal(limits)
    const written = OWN.map((entry) => journal.append(entry))
    await flood(journal)

    const assertUnchanged = async (now: Journal): Promise<void> => {
      expect(ownErrors(now)).toEqual(written)
      const { issues } = JSON.parse(await shown(now, '/errors?format=json')) as { issues: Issue[] }
      const own = issues.filter(({ source }) => source === undefined)
      expect(issues.slice(0, own.length)).toEqual(own)
      expect(own.map(({ name, count, latest }) => ({ name, count, latest })).toReversed()).toEqual(
        written.map((latest) => ({ name: latest.name, count: 1, latest })),
      )
      const page = await shown(now, '/errors')
      expect(page.indexOf('payout a failed')).toBeLessThan(page.indexOf('Received from browsers'))
      for (const [n, record] of written.entries()) {
        const issue = await shown(now, `/errors/${record.fingerprint}`)
        expect(issue).toContain('at payOut (/app/pay.ts:3:4)')
        expect(issue).not.toContain('FORGED')
        const { records } = JSON.parse(await shown(now, `/traces/${trace(n)}?format=json`)) as {
          records: JournalRecord[]
        }
        expect(records.filter(({ source }) => source === undefined)).toMatchObject([record])
      }
    }
    await assertUnchanged(journal)

    const received = journal.query({ kinds: ['error'], received: true, limit: Infinity })
    // Written as text, records take less than the estimate of their memory.
    expect(JSON.stringify(received).length).toBeLessThan(MAX_SOURCE_BYTES)
    expect(received.length).toBeLessThan(5000)
    for (const { source, fingerprint, userId, ts } of received) {
      expect(source).toBe('browser')
      expect(fingerprint).toMatch(/^browser:[\da-f]{16}$/)
      expect(userId).toBe('anonymous:ana')
      expect(Math.abs(ts - Date.now())).toBeLessThan(120_000)
    }

    await journal.close()
    const files = readdirSync(dir)
    expect(files.filter((file) => file.includes('@browser-')).length).toBeLessThanOrEqual(3)
    const mine = files.filter((file) => !file.includes('@')).map((file) => readFileSync(join(dir, file), 'utf8'))
    expect(mine.join('')).not.toMatch(/FORGED|"source"/)

    const next = createFileJournal(limits)
    await assertUnchanged(next)
    await next.close()
  })
})
