import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createMemoryJournal } from '@msc/core'
import * as Sentry from '@sentry/node'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createIngest } from '../create-ingest.ts'

const journal = createMemoryJournal()
const ingest = createIngest({ journal, basePath: '/api/msc' })
let server: Server
let dsn: string

beforeAll(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const headers = new Headers()
      for (const name of ['content-type', 'content-encoding']) {
        const value = request.headers[name]
        if (typeof value === 'string') headers.set(name, value)
      }
      const body = Buffer.concat(chunks)
      void ingest(new Request(`http://127.0.0.1${request.url}`, { method: 'POST', headers, body })).then(
        async (answer) => {
          response.writeHead(answer.status)
          response.end(await answer.text())
        },
      )
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  dsn = `http://key@127.0.0.1:${(server.address() as AddressInfo).port}/api/msc/1`
})
afterAll(async () => {
  await Sentry.close(1000)
  server.closeAllConnections()
  server.close()
})

it('keeps everything that Sentry’s unmodified SDK reports with all features on', async () => {
  Sentry.init({ dsn, tracesSampleRate: 1, release: 'r1', environment: 'test' })
  Sentry.setUser({ id: 'u1', email: 'ana@msc.example' })
  Sentry.setTag('store', 'northwind')
  Sentry.addBreadcrumb({ message: 'before', category: 'ui' })
  Sentry.startSpan({ name: 'submit', op: 'task' }, () => {
    Sentry.startSpan({ name: 'read', op: 'db' }, () => undefined)
    Sentry.captureException(new RangeError('too far', { cause: new Error('root') }))
  })
  Sentry.captureMessage('hello', 'warning')
  Sentry.withScope((scope) => {
    scope.setFingerprint(['my-group'])
    Sentry.captureException(new Error('chosen'))
  })
  Sentry.captureCheckIn({ monitorSlug: 'payouts', status: 'ok', duration: 2 })
  Sentry.captureFeedback({ message: 'The button is dead', email: 'ben@msc.example' })
  Sentry.logger.warn('low on space', { left: 3 })
  Sentry.metrics.count('paid', 2)
  Sentry.captureSession()
  await Sentry.flush(5000)

  const all = journal.query({ limit: 1000 })
  const byKind = (kind: string): unknown[] => all.filter((record) => record.kind === kind)
  expect(byKind('error')).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ name: 'RangeError: too far', userId: 'anonymous:u1', release: 'r1' }),
      expect.objectContaining({ name: 'Error: chosen' }),
    ]),
  )
  expect(byKind('message')).toMatchObject([{ name: 'hello', payload: { level: 'warning', environment: 'test' } }])
  expect(byKind('check-in')).toMatchObject([{ name: 'payouts: ok' }])
  expect(byKind('feedback')).toMatchObject([{ name: 'The button is dead' }])
  expect(byKind('log')).toEqual(expect.arrayContaining([expect.objectContaining({ name: 'low on space' })]))
  expect(byKind('metric')).toEqual(expect.arrayContaining([expect.objectContaining({ name: 'paid' })]))
  expect(byKind('span').map((each) => (each as { name: string }).name)).toEqual(
    expect.arrayContaining(['submit', 'read']),
  )
  expect(byKind('drop')).toEqual([])
  expect(JSON.stringify(all)).not.toContain('msc.example')
})
