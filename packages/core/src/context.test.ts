import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { carrier, currentContext, withCarrier, withContext } from './context.ts'
import { emit, onTelemetry, telemetryEnabled } from './telemetry.ts'
import { formatTraceparent, newTrace, parseTraceparent } from './trace.ts'

const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'

describe('traceparent', () => {
  it('is read and written', () => {
    const trace = parseTraceparent(TRACEPARENT)
    expect(trace).toEqual({ traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7', sampled: true })
    expect(trace && formatTraceparent(trace)).toBe(TRACEPARENT)
  })
  it.each([
    '',
    'garbage',
    `${TRACEPARENT}-extra`,
    TRACEPARENT.replace('00-4', 'ff-4'),
    TRACEPARENT.toUpperCase(),
    '00-00000000000000000000000000000000-00f067aa0ba902b7-01',
    '00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01',
  ])('is refused: %j', (header) => {
    expect(parseTraceparent(header)).toBeUndefined()
  })
  it('of a later version may have more fields', () => {
    expect(parseTraceparent(`${TRACEPARENT.replace('00-4', '01-4')}-more`)?.sampled).toBe(true)
  })
  it('never throws', () => {
    fc.assert(fc.property(fc.string(), (text) => void expect(parseTraceparent(text)).toBeUndefined()))
  })
})

describe('the context', () => {
  it('follows asynchronous work and ends with it', async () => {
    const trace = newTrace()
    await withContext({ trace, userId: 'u1' }, async () => {
      await new Promise((resolve) => setImmediate(resolve))
      expect(currentContext()).toEqual({ trace, userId: 'u1' })
    })
    expect(currentContext()).toBeUndefined()
  })
  it('travels in a carrier: same trace and user, a new span', () => {
    const sent = withContext({ trace: newTrace(), userId: 'u1' }, () => ({
      trace: currentContext()?.trace,
      carrier: carrier(),
    }))
    withCarrier(JSON.parse(JSON.stringify(sent.carrier)), () => {
      const here = currentContext()
      expect(here?.trace.traceId).toBe(sent.trace?.traceId)
      expect(here?.trace.spanId).not.toBe(sent.trace?.spanId)
      expect(here?.userId).toBe('u1')
    })
  })
  it.each([undefined, null, {}, { traceparent: 'nonsense' }])('starts anew from the carrier %j', (broken) => {
    withCarrier(broken, () => expect(currentContext()?.trace.traceId).toMatch(/^[\da-f]{32}$/))
  })
})

describe('telemetry', () => {
  it('reaches listeners with the trace, and a listener that throws harms nobody', () => {
    const heard: unknown[] = []
    const quiet = vi.spyOn(console, 'error').mockImplementation(() => {})
    const stop = [
      onTelemetry(() => {
        throw new Error('bad listener')
      }),
      onTelemetry((event) => heard.push(event)),
    ]
    const trace = newTrace()
    withContext({ trace }, () => emit('cache.get', { key: 'k', outcome: 'hit' }))
    for (const each of stop) each()
    expect(heard).toEqual([
      expect.objectContaining({ name: 'cache.get', traceId: trace.traceId, attributes: { key: 'k', outcome: 'hit' } }),
    ])
    expect(telemetryEnabled()).toBe(false)
    expect(quiet).toHaveBeenCalledTimes(1)
    quiet.mockRestore()
  })
})
