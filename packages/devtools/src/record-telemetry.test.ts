import { createMemoryJournal, emit, newTrace, startOperation, withContext } from '@msc/core'
import { createManualClock } from '@msc/core/testing'
import { describe, expect, it } from 'vitest'
import { recordTelemetry } from './record-telemetry.ts'

declare module '@msc/core' {
  interface Operations {
    'test.read': { key: string; outcome: string }
    'realtime.sample': { connections: number }
    'jobs.step': { job: string; runId: string; step: string; attempt: number; outcome: string }
  }
}

describe('recordTelemetry', () => {
  it('writes operations as spans, runs and steps with their trace, redacted, until it is stopped', () => {
    const journal = createMemoryJournal()
    const stop = recordTelemetry(journal)
    const trace = newTrace()
    withContext({ trace, userId: 'u' }, () => {
      emit('test.read', { key: 'token=abcdefgh?token=secretvalue', outcome: 'hit' })
      emit('jobs.step', { job: 'j', runId: 'r', step: 's', attempt: 1, outcome: 'ok' })
    })
    stop()
    emit('test.read', { key: 'later', outcome: 'hit' })
    const records = journal.query({ traceId: trace.traceId })
    expect(records.map(({ kind, name, userId }) => [kind, name, userId])).toEqual([
      ['step', 'jobs.step', 'u'],
      ['span', 'test.read', 'u'],
    ])
    expect(JSON.stringify(records)).not.toContain('secretvalue')
    expect(journal.query()).toHaveLength(2)
  })

  it('records which operation contains which', () => {
    const journal = createMemoryJournal()
    const stop = recordTelemetry(journal)
    const outer = startOperation('jobs.step')
    outer.run(() => emit('test.read', { key: 'k', outcome: 'hit' }))
    outer.end({ job: 'j', runId: 'r', step: 's', attempt: 1, outcome: 'ok' })
    stop()
    const [step, read] = journal.query()
    expect(read?.payload['parentSpanId']).toBe(step?.payload['spanId'])
    expect(read?.payload['spanId']).not.toBe(step?.payload['spanId'])
  })

  it('writes only the operations that are chosen', () => {
    const journal = createMemoryJournal()
    const stop = recordTelemetry(journal, { names: ['jobs.*'] })
    emit('test.read', { key: 'k', outcome: 'hit' })
    emit('jobs.step', { job: 'j', runId: 'r', step: 's', attempt: 1, outcome: 'ok' })
    stop()
    expect(journal.query().map(({ name }) => name)).toEqual(['jobs.step'])
  })

  it('leaves out what comes again and again, unless it is chosen', () => {
    const journal = createMemoryJournal()
    const stop = recordTelemetry(journal)
    emit('realtime.sample', { connections: 1 })
    stop()
    expect(journal.query()).toEqual([])
    const stopAgain = recordTelemetry(journal, { names: ['realtime.*'] })
    emit('realtime.sample', { connections: 2 })
    stopAgain()
    expect(journal.query()).toHaveLength(1)
  })

  it('writes a limited number of spans per second, counts the others, and never omits a step', () => {
    const journal = createMemoryJournal({ capacity: 100_000 })
    const clock = createManualClock()
    const stop = recordTelemetry(journal, { maxSpansPerSecond: 100, clock })
    for (let i = 0; i < 5000; i++) emit('test.read', { key: `k${i}`, outcome: 'hit' })
    for (let i = 0; i < 300; i++) emit('jobs.step', { job: 'j', runId: 'r', step: 's', attempt: 1, outcome: 'ok' })
    stop()
    expect(journal.query({ kinds: ['span'], limit: 10_000 })).toHaveLength(100)
    expect(journal.query({ kinds: ['step'], limit: 10_000 })).toHaveLength(300)
    expect(journal.query({ kinds: ['drop'] })).toMatchObject([{ payload: { counts: [{ kind: 'span', count: 4900 }] } }])
  })
})

it.each([Number.NaN, null, '5', -1])('refuses %s spans in a second', (maxSpansPerSecond) => {
  expect(() => recordTelemetry(createMemoryJournal(), { maxSpansPerSecond: maxSpansPerSecond as number })).toThrow(
    expect.objectContaining({ code: 'OPTION_INVALID' }),
  )
})
