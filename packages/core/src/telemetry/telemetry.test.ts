import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { currentContext, withContext } from '../context/context.ts'
import { setErrorReporter } from '../errors/failures.ts'
import type { TelemetryEvent } from './operations.ts'
import { onTelemetry } from './telemetry-hub.ts'
import { emit, startOperation, telemetryEnabled } from './telemetry.ts'
import { newTrace } from '../context/trace.ts'

declare module './operations.ts' {
  interface Operations {
    'test.outer': { n: number }
    'test.inner': { n: number }
  }
}

describe('telemetry', () => {
  let events: TelemetryEvent[]
  let stop: (() => void)[]
  beforeEach(() => {
    events = []
    stop = [onTelemetry((event) => events.push(event))]
  })
  afterEach(() => {
    for (const each of stop) each()
  })

  it('gives each operation a span of its own inside the running one', () => {
    const trace = newTrace()
    withContext({ trace, userId: 'ana' }, () => {
      emit('test.inner', { n: 1 })
      emit('test.inner', { n: 2 })
    })
    expect(events).toMatchObject([
      { traceId: trace.traceId, parentSpanId: trace.spanId, userId: 'ana', attributes: { n: 1 } },
      { traceId: trace.traceId, parentSpanId: trace.spanId, userId: 'ana', attributes: { n: 2 } },
    ])
    const spans = events.map(({ spanId }) => spanId)
    expect(new Set([...spans, trace.spanId]).size).toBe(3)
    for (const span of spans) expect(span).toMatch(/^[\da-f]{16}$/)
  })

  it('makes operations inside another its children, across awaits', async () => {
    const trace = newTrace()
    await withContext({ trace }, async () => {
      const outer = startOperation('test.outer')
      await outer.run(async () => {
        await new Promise((resolve) => setImmediate(resolve))
        emit('test.inner', { n: 1 })
      })
      outer.end({ n: 0 })
      outer.end({ n: 9 })
    })
    const [inner, outer] = events
    expect(events).toHaveLength(2)
    expect(inner?.parentSpanId).toBe(outer?.spanId)
    expect(outer).toMatchObject({ name: 'test.outer', parentSpanId: trace.spanId, attributes: { n: 0 } })
  })

  it('starts a trace for an operation outside any, but only if there is a listener', () => {
    startOperation('test.outer').run(() => expect(currentContext()?.trace.traceId).toMatch(/^[\da-f]{32}$/))
    for (const each of stop) each()
    startOperation('test.outer').run(() => expect(currentContext()).toBeUndefined())
  })

  it('calls a listener only for the names or prefixes that it selected', () => {
    const names: string[] = []
    stop.push(onTelemetry(({ name }) => names.push(name), { names: ['test.out*', 'driver.drop'] }))
    emit('test.outer', { n: 1 })
    emit('test.inner', { n: 1 })
    emit('driver.drop', { concern: 'a', driver: 'b', reason: 'closed', count: 1 })
    expect(names).toEqual(['test.outer', 'driver.drop'])
  })

  it('is disabled for a name without a listener', () => {
    for (const each of stop) each()
    stop = [onTelemetry(() => undefined, { names: ['test.outer'] })]
    expect(telemetryEnabled('test.outer')).toBe(true)
    expect(telemetryEnabled('test.inner')).toBe(false)
    stop[0]?.()
    expect(telemetryEnabled()).toBe(false)
  })

  it('calls inert listeners without a tracking context, and not for their own operations', () => {
    let calls = 0
    const stop = onTelemetry(
      () => {
        calls += 1
        emit('test.inner', { n: 1 })
        throw new Error('once')
      },
      { inert: true },
    )
    const failures: string[] = []
    const restore = setErrorReporter((error) => void failures.push(error.message))
    for (let n = 0; n < 3; n++) emit('test.inner', { n })
    restore()
    stop()
    expect(calls).toBe(3)
    expect(failures).toEqual(['once'])
  })

  it('catches the rejections of listeners that wrongly claim to be inert', async () => {
    const failures: string[] = []
    const restore = setErrorReporter((error) => void failures.push(error.message))
    const stop = onTelemetry(() => Promise.reject(new Error('later')) as never, { inert: true })
    emit('test.inner', { n: 1 })
    stop()
    await expect.poll(() => failures).toEqual(['later'])
    restore()
  })

  it('calls listeners for each other’s operations up to four deep', () => {
    let calls = 0
    const stops = Array.from({ length: 8 }, () =>
      onTelemetry(() => {
        calls += 1
        emit('test.inner', { n: 1 })
      }),
    )
    emit('test.inner', { n: 1 })
    for (const stop of stops) stop()
    // The ordered selections of one, two, three and four of eight listeners.
    expect(calls).toBe(8 + 8 * 7 + 8 * 7 * 6 + 8 * 7 * 6 * 5)
  })

  it('survives a listener that throws, and reports it once', () => {
    const reported: string[] = []
    stop.push(setErrorReporter((error) => reported.push(error.message)))
    stop.push(
      onTelemetry(() => {
        throw new Error('bad listener')
      }),
    )
    emit('test.inner', { n: 1 })
    emit('test.inner', { n: 2 })
    expect(events).toHaveLength(2)
    expect(reported).toEqual(['bad listener'])
  })

  it('survives a listener whose promise rejects, and reports it once', async () => {
    const reported: string[] = []
    stop.push(setErrorReporter((error) => reported.push(error.message)))
    stop.push(
      onTelemetry(async () => {
        throw new Error('bad listener')
      }),
    )
    emit('test.inner', { n: 1 })
    await new Promise((resolve) => setImmediate(resolve))
    emit('test.inner', { n: 2 })
    await new Promise((resolve) => setImmediate(resolve))
    expect(reported).toEqual(['bad listener'])
  })

  it('does not call a listener for its own operations', () => {
    let calls = 0
    stop.push(
      onTelemetry(() => {
        calls += 1
        emit('test.inner', { n: 2 })
      }),
    )
    emit('test.outer', { n: 1 })
    expect(calls).toBe(1)
    expect(events.map(({ name }) => name)).toEqual(['test.outer', 'test.inner'])
  })

  it('does not call a listener for operations that it causes later, but for all others meanwhile', async () => {
    const calls: unknown[] = []
    stop.push(
      onTelemetry(async ({ attributes }) => {
        calls.push(attributes)
        await Promise.resolve()
        if (calls.length < 1000) emit('test.inner', { n: 100 })
      }),
    )
    emit('test.outer', { n: 1 })
    await Promise.resolve()
    emit('test.outer', { n: 2 })
    await new Promise((resolve) => setImmediate(resolve))
    expect(calls).toEqual([{ n: 1 }, { n: 2 }])
    expect(events).toHaveLength(4)
  })
})
