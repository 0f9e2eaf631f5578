import { afterEach, describe, expect, it } from 'vitest'
import { configureRedaction, createRedactor, redact, REDACTED } from './index.ts'

afterEach(() => configureRedaction({}))

describe('configureRedaction', () => {
  it('applies to every redactor, including those made before, until it is removed', () => {
    const before = createRedactor({ keys: ['promoCode'] })
    const value = { promoCode: 'a', upc: 'b', note: 'artist 77' }
    expect(before(value)).toEqual({ promoCode: REDACTED, upc: 'b', note: 'artist 77' })
    configureRedaction({ keys: ['upc'], patterns: [/artist \d+/] })
    const both = { promoCode: REDACTED, upc: REDACTED, note: REDACTED }
    expect(before(value)).toEqual(both)
    expect(createRedactor({ keys: ['promoCode'] })(value)).toEqual(both)
    expect(redact(value)).toEqual({ ...both, promoCode: 'a' })
    expect(before.text('artist 77')).toBe(REDACTED)
    configureRedaction({})
    expect(redact(value)).toEqual(value)
  })

  it('is shared with other copies of the package, and ignores later changes of its argument', () => {
    const options = { keys: ['upc'] }
    configureRedaction(options)
    const stored = (globalThis as Record<symbol, unknown>)[Symbol.for('@msc/core/redaction@1')]
    expect(stored).toEqual({ keys: ['upc'] })
    expect(stored).not.toBe(options)
  })

  it('yields to the limits of a redactor', () => {
    configureRedaction({ maxEntries: 2 })
    expect(redact([1, 2, 3])).toEqual([1, '[cut]'])
    expect(redact([1, 2, 3], { maxEntries: 3 })).toEqual([1, 2, 3])
  })

  it('joins lists of allowed names, and applies allow mode when either side sets it', () => {
    configureRedaction({ mode: 'allow', allow: ['releaseId'] })
    expect(redact({ releaseId: 1, upc: 2, title: 3 }, { allow: ['upc'] })).toEqual({
      releaseId: 1,
      upc: 2,
      title: REDACTED,
    })
  })
})

describe('allow mode', () => {
  const clean = createRedactor({ mode: 'allow', allow: ['releaseId', 'meta'] })

  it('keeps only the listed properties, however they are written, with what is below them', () => {
    expect(
      clean({ release_id: 5, title: 'x', count: 3, ok: true, none: null, meta: { note: 'ana@msc.example', password: 'x' } }),
    ).toEqual({ release_id: 5, title: REDACTED, count: REDACTED, ok: REDACTED, none: null, meta: { note: '[email]', password: REDACTED } }) // prettier-ignore
  })

  it('finds listed names at every depth, and keeps the structure of what it hides', () => {
    expect(clean({ a: [{ releaseId: 1, b: 2, at: new Date() }], set: new Set([1]) })).toEqual({
      a: [{ releaseId: 1, b: REDACTED, at: REDACTED }],
      set: [REDACTED],
    })
  })

  it('keeps values without a name, cleaned by the other rules', () => {
    expect(clean('mail ana@msc.example')).toBe('mail [email]')
    expect(clean(['a', { b: 1 }])).toEqual(['a', { b: REDACTED }])
    expect(clean.text('token=abc')).toBe('token=[redacted]')
  })

  it('compares names as a whole', () => {
    expect(clean({ oldReleaseId: 1 })).toEqual({ oldReleaseId: REDACTED })
  })
})

describe('patterns', () => {
  it('apply to text that has been cut, leave marks alone, and may be sticky or match an empty string', () => {
    const clean = createRedactor({ maxString: 50, patterns: [/x{3}/y, /y*/, /redacted/] })
    expect(clean('a xxx yy token=abc')).toBe('a [redacted] [redacted] token=[redacted]')
    expect(clean(clean('a xxx yy token=abc'))).toBe(clean('a xxx yy token=abc'))
  })
})
