import { isRecord } from '@msc/core'
import { createManualClock } from '@msc/core/testing'
import { expect, it } from 'vitest'
import { createSigning } from '../../bus/signing.ts'
import { createRuntime } from '../runtime.ts'
import { createDirected, type DirectedLink } from './directed.ts'

const signing = createSigning('a-secret-for-tests-that-is-long-enough-0123')
type Content = Readonly<Record<string, unknown>>

/** One server's end. `onSend` is told what it sends, as its content. */
const create = (id: string, onSend: (kind: string, content: Content) => void): DirectedLink =>
  createDirected({
    id,
    signing,
    runtime: createRuntime(createManualClock()),
    isThere: () => true,
    send(text) {
      const { kind, sealed } = JSON.parse(text) as { readonly kind: string; readonly sealed: string }
      const content: unknown = JSON.parse(signing.open(sealed) ?? '')
      if (isRecord(content)) onSend(kind, content)
      return true
    },
  })
const message = (kind: string, to: string, content: Content): Content => ({
  kind,
  to,
  sealed: signing.seal(JSON.stringify(content)),
})
const LONG = { text: 'x'.repeat(300 * 1024) }

it.each([
  ['short', { text: 'hi' }],
  ['long', LONG],
])('answers a server of an earlier version in one: %s', async (_, said) => {
  const sent: Content[] = []
  const server = create('new', (_kind, content) => void sent.push(content))
  server.serve(() => Promise.resolve(said))
  server.take('old', message('question', 'new', { re: 1, question: {} }))
  await expect.poll(() => sent).toEqual([{ re: 1, answer: said }])
})

it('understands the answer of a server of an earlier version', async () => {
  const server: DirectedLink = create('new', (_kind, { re }) =>
    server.take('old', message('answer', 'new', { re, answer: LONG })),
  )
  expect(await server.ask('old', {}, 2000)).toEqual({ answer: LONG })
})

it.each([
  ['short', { text: 'hi' }, 1],
  ['long', LONG, 2],
])('has an answer of its own version: %s', async (_, said, count) => {
  let answers = 0
  const asking: DirectedLink = create('one', (kind, content) => other.take('one', message(kind, 'two', content)))
  const other: DirectedLink = create('two', (kind, content) => {
    answers += 1
    asking.take('two', message(kind, 'one', content))
  })
  other.serve(() => Promise.resolve(said))
  expect(await asking.ask('two', {}, 2000)).toEqual({ answer: said })
  expect(answers).toBe(count)
})
