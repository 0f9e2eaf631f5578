import { NodeClient, Scope, defaultStackParser, linkedErrorsIntegration, makeNodeTransport } from '@sentry/node'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createMonitoring } from '../../create-monitoring.ts'
import { startSentryServer, type SentryEvent, type SentryServer } from '../../testing/index.ts'
import { sentry } from '../sentry.ts'

// Compares the driver's events with those of Sentry's own SDK, for which its backend is built.

let server: SentryServer
beforeAll(async () => {
  server = await startSentryServer()
})
afterAll(() => server.close())

async function theirs(error: unknown): Promise<SentryEvent> {
  const linked = linkedErrorsIntegration()
  const client = new NodeClient({
    dsn: server.dsn,
    integrations: [linked],
    stackParser: defaultStackParser,
    transport: makeNodeTransport,
  })
  client.init()
  const before = server.events.length
  client.captureException(error, { originalException: error }, new Scope())
  await client.close(5000)
  return server.events[before] as SentryEvent
}

async function ours(error: unknown): Promise<SentryEvent> {
  const monitoring = createMonitoring({ driver: sentry({ dsn: server.dsn }), telemetry: false })
  const id = monitoring.captureException(error)
  await monitoring.close()
  return server.waitFor(({ event_id }) => event_id === id)
}

const tree = (event: SentryEvent): unknown =>
  event.exception?.values.map(({ type, value, mechanism, stacktrace }) => ({
    type,
    value,
    handled: mechanism?.handled,
    id: mechanism?.exception_id,
    parent: mechanism?.parent_id,
    group: mechanism?.is_exception_group,
    // The call that threw. The SDK sends file paths in the same form as the driver.
    thrower: (({ function: name, lineno, in_app: inApp }) => ({ name, lineno, inApp }))(
      stacktrace?.frames.at(-1) ?? {},
    ),
  }))

function chain(): Error {
  return new RangeError('outer', { cause: new TypeError('inner', { cause: new Error('innermost') }) })
}

it('sends a chain of causes like the SDK: order, ids, parents, the call that threw', async () => {
  const error = chain()
  const expected = tree(await theirs(error)) as { type: string }[]
  expect(expected).toHaveLength(3)
  expect(tree(await ours(error))).toEqual(expected)
})

it('sends one error without a tree, like the SDK', async () => {
  const error = new Error('alone')
  expect(tree(await ours(error))).toEqual(tree(await theirs(error)))
})

it('sends an aggregate as a group with its members', async () => {
  const error = new AggregateError([new TypeError('first'), new RangeError('second')], 'all failed')
  const [expected, found] = [await theirs(error), await ours(error)].map((event) =>
    event.exception?.values
      .map(({ type, value, mechanism }) => ({
        type,
        value,
        group: mechanism?.is_exception_group,
        source: mechanism?.source,
      }))
      .toSorted((a, b) => (a.value < b.value ? -1 : 1)),
  )
  expect(found).toEqual(expected)
})

it('sends the same platform, level, environment and trace fields as the SDK', async () => {
  const [expected, found] = [await theirs(new Error('a')), await ours(new Error('a'))]
  for (const name of ['platform', 'level', 'environment'] as const) expect(found[name]).toBe(expected[name])
  expect(typeof found.timestamp).toBe(typeof expected.timestamp)
})
