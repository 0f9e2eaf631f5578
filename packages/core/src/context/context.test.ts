import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sleep } from '../time/clock.ts'
import {
  carrier,
  currentContext,
  currentScope,
  processScope,
  withCarrier,
  withContext,
  withScope,
  withoutScope,
  withUnit,
} from './context.ts'
import { deadline } from '../time/deadline.ts'
import { every } from '../time/every.ts'
import { createScope, keepBreadcrumb } from './scope.ts'
import { formatTraceparent, newTrace, parseTraceparent } from './trace.ts'

const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'

describe('traceparent', () => {
  it('can be read and written', () => {
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
  it('travels in a carrier, with the same trace and user and a new span', () => {
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
  it.each([undefined, null, {}, { traceparent: 'nonsense' }])('starts a new trace for the carrier %j', (broken) => {
    withCarrier(broken, () => expect(currentContext()?.trace.traceId).toMatch(/^[\da-f]{32}$/))
  })
})

describe('a scope', () => {
  it('belongs to one unit of work: a thousand concurrent units of one trace never see each other', async () => {
    const trace = newTrace()
    const unit = (n: number): Promise<unknown> =>
      withScope(async (scope) => {
        scope.user = { id: `user-${n}` }
        await new Promise((resolve) => setImmediate(resolve))
        scope.tags.set('n', String(n))
        const here = currentScope()
        return [here?.user?.id, here?.tags.get('n')]
      })
    const seen = await withContext({ trace }, () => Promise.all(Array.from({ length: 1000 }, (_, n) => unit(n))))
    expect(seen).toEqual(Array.from({ length: 1000 }, (_, n) => [`user-${n}`, String(n)]))
    expect(currentScope()).toBeUndefined()
  })
  it('starts with a copy of the surrounding scope, and keeps its changes to itself', () => {
    withScope((outer) => {
      outer.user = { id: 'ana' }
      keepBreadcrumb(outer, { timestamp: 1, category: 'a', message: 'before', level: 'info' })
      withScope((inner) => {
        expect(inner.user).toEqual({ id: 'ana' })
        keepBreadcrumb(inner, { timestamp: 2, category: 'a', message: 'inside', level: 'info' })
        inner.user = null
        expect(inner.breadcrumbs.map(({ message }) => message)).toEqual(['before', 'inside'])
      })
      expect(outer.user).toEqual({ id: 'ana' })
      expect(outer.breadcrumbs.map(({ message }) => message)).toEqual(['before'])
    })
  })
  it('of a request, a run or a message starts empty', () => {
    withScope((outer) => {
      outer.user = { id: 'ana' }
      withCarrier({}, () => expect(currentScope()?.user).toBeUndefined())
      withUnit({ trace: newTrace() }, () => expect(currentScope()?.user).toBeUndefined())
      withScope((isolated) => expect(isolated.user).toBeUndefined(), { isolated: true })
    })
  })
  it('outside any unit starts with the user of the process, but without its breadcrumbs', () => {
    const root = processScope()
    root.user = { id: 'worker' }
    keepBreadcrumb(root, { timestamp: 1, category: 'a', message: 'somebody else', level: 'info' })
    withScope((scope) => {
      expect(scope.user).toEqual({ id: 'worker' })
      expect(scope.breadcrumbs).toEqual([])
    })
    root.user = undefined
    root.breadcrumbs = []
  })
  it('keeps the newest 100 breadcrumbs', () => {
    const scope = createScope()
    for (let n = 0; n < 250; n++) keepBreadcrumb(scope, { timestamp: n, category: 'a', message: '', level: 'info' })
    expect(scope.breadcrumbs).toHaveLength(100)
    expect(scope.breadcrumbs[0]?.timestamp).toBe(150)
  })
  it('stays the same inside a span of the unit', () => {
    withScope((scope) => {
      withContext({ trace: newTrace() }, () => expect(currentScope()).toBe(scope))
    })
  })

  it('does not apply to an interval, which outlives the unit that started it', async () => {
    const seen = await withUnit({ trace: newTrace(), userId: 'ana' }, () => {
      return new Promise<unknown[]>((resolve) => {
        const stop = every(1, () => (stop(), resolve([currentContext(), currentScope()])), { onError: () => undefined })
      })
    })
    expect(seen).toEqual([undefined, undefined])
  })

  it('applies to abort listeners of a deadline, which still belong to the unit', async () => {
    const unit = withUnit({ trace: newTrace(), userId: 'ana' }, () => {
      return new Promise<string | undefined>((resolve) => {
        const work = (signal: AbortSignal): Promise<never> => {
          signal.addEventListener('abort', () => resolve(currentContext()?.userId))
          return new Promise(() => {})
        }
        deadline(work, { operation: 'a long one', timeoutMs: 1 }).catch(() => undefined)
      })
    })
    expect(await unit).toBe('ana')
  })

  it('applies after a sleep', async () => {
    await withUnit({ trace: newTrace(), userId: 'ana' }, async () => {
      await sleep(1)
      expect(currentContext()?.userId).toBe('ana')
    })
  })

  it('can be left on purpose for a connection or a loop that outlives the unit', async () => {
    await withUnit({ trace: newTrace(), userId: 'ana' }, async () => {
      const later = withoutScope(async () => {
        await new Promise((resolve) => setImmediate(resolve))
        return currentContext()
      })
      expect(currentContext()?.userId).toBe('ana')
      expect(await later).toBeUndefined()
    })
    expect(withoutScope(() => 'outside of all units')).toBe('outside of all units')
  })
})
