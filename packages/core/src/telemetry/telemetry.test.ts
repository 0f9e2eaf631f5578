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
  let heard: TelemetryEvent[]
  let stop: (() => void)[]
  beforeEach(() => {
    heard = []
    stop = [onTelemetry((event) => heard.push(event))]
  })
  afterEach(() => {
    for (const each of stop) each()
  })

  it('gives each operation a span of its own in the running one', () => {
    const trace = newTrace()
    withContext({ trace, userId: 'ana' }, () => {
      emit('test.inner', { n: 1 })
      emit('test.inner', { n: 2 })
    })
    expect(heard).toMatchObject([
      { traceId: trace.traceId, parentSpanId: trace.spanId, userId: 'ana', attributes: { n: 1 } },
      { traceId: trace.traceId, parentSpanId: trace.spanId, userId: 'ana', attributes: { n: 2 } },
    ])
    const spans = heard.map(({ spanId }) => spanId)
    expect(new Set([...spans, trace.spanId]).size).toBe(3)
    for (const span of spans) expect(span).toMatch(/^[\da-f]{16}$/)
  })

  it('makes what happens inside an operation its child, across awaits', async () => {
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
    const [inner, outer] = heard
    expect(heard).toHaveLength(2)
    expect(inner?.parentSpanId).toBe(outer?.spanId)
    expect(outer).toMatchObject({ name: 'test.outer', parentSpanId: trace.spanId, attributes: { n: 0 } })
  })

  it('begins a trace for an operation that belongs to none, and none where nobody listens', () => {
    startOperation('test.outer').run(() => expect(currentContext()?.trace.traceId).toMatch(/^[\da-f]{32}$/))
    for (const each of stop) each()
    startOperation('test.outer').run(() => expect(currentContext()).toBeUndefined())
  })

  it('tells a listener only what it asked for, by name or by beginning', () => {
    const names: string[] = []
    stop.push(onTelemetry(({ name }) => names.push(name), { names: ['test.out*', 'driver.drop'] }))
    emit('test.outer', { n: 1 })
    emit('test.inner', { n: 1 })
    emit('driver.drop', { concern: 'a', driver: 'b', reason: 'closed', count: 1 })
    expect(names).toEqual(['test.outer', 'driver.drop'])
  })

  it('costs nothing for a name that nobody asked for', () => {
    for (const each of stop) each()
    stop = [onTelemetry(() => undefined, { names: ['test.outer'] })]
    expect(telemetryEnabled('test.outer')).toBe(true)
    expect(telemetryEnabled('test.inner')).toBe(false)
    stop[0]?.()
    expect(telemetryEnabled()).toBe(false)
  })

  it('that are inert are called as they are, and are not told of what they do themselves', () => {
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

  it('that say they are inert and are not end nothing by a promise that rejects', async () => {
    const failures: string[] = []
    const restore = setErrorReporter((error) => void failures.push(error.message))
    const stop = onTelemetry(() => Promise.reject(new Error('later')) as never, { inert: true })
    emit('test.inner', { n: 1 })
    stop()
    await expect.poll(() => failures).toEqual(['later'])
    restore()
  })

  it('are told of each other’s doing four deep, and no deeper', () => {
    let calls = 0
    const stops = Array.from({ length: 8 }, () =>
      onTelemetry(() => {
        calls += 1
        emit('test.inner', { n: 1 })
      }),
    )
    emit('test.inner', { n: 1 })
    for (const stop of stops) stop()
    // Of eight, in every order: one, two, three and four of them.
    expect(calls).toBe(8 + 8 * 7 + 8 * 7 * 6 + 8 * 7 * 6 * 5)
  })

  it('survives a listener that throws, and reports it once', () => {
    const said: string[] = []
    stop.push(setErrorReporter((error) => said.push(error.message)))
    stop.push(
      onTelemetry(() => {
        throw new Error('bad listener')
      }),
    )
    emit('test.inner', { n: 1 })
    emit('test.inner', { n: 2 })
    expect(heard).toHaveLength(2)
    expect(said).toEqual(['bad listener'])
  })

  it('survives a listener whose promise rejects, and reports it once', async () => {
    const said: string[] = []
    stop.push(setErrorReporter((error) => said.push(error.message)))
    stop.push(
      onTelemetry(async () => {
        throw new Error('bad listener')
      }),
    )
    emit('test.inner', { n: 1 })
    await new Promise((resolve) => setImmediate(resolve))
    emit('test.inner', { n: 2 })
    await new Promise((resolve) => setImmediate(resolve))
    expect(said).toEqual(['bad listener'])
  })

  it('does not tell a listener of what it does itself', () => {
    let told = 0
    stop.push(
      onTelemetry(() => {
        told += 1
        emit('test.inner', { n: 2 })
      }),
    )
    emit('test.outer', { n: 1 })
    expect(told).toBe(1)
    expect(heard.map(({ name }) => name)).toEqual(['test.outer', 'test.inner'])
  })

  it('does not tell a listener of what it sets going, and of everything else that happens meanwhile', async () => {
    const told: unknown[] = []
    stop.push(
      onTelemetry(async ({ attributes }) => {
        told.push(attributes)
        await Promise.resolve()
        if (told.length < 1000) emit('test.inner', { n: 100 })
      }),
    )
    emit('test.outer', { n: 1 })
    await Promise.resolve()
    emit('test.outer', { n: 2 })
    await new Promise((resolve) => setImmediate(resolve))
    expect(told).toEqual([{ n: 1 }, { n: 2 }])
    expect(heard).toHaveLength(4)
  })
})
