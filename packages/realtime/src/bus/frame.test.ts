import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatFrame, parseFrame } from './frame.ts'
import { createSigning } from './signing.ts'

const secret = 'a-secret-for-tests-that-is-long-enough-0123'
const signing = createSigning(secret)
const now = 1_800_000_000_000
const head = { from: 'one', number: 7, at: now, isPublisher: false }
const frame = formatFrame(head, ['{"kind":"alive"}', '{"kind":"broadcast","text":"Å🎵"}'], signing)
const parse = (text: string, at = now, by = signing): unknown => parseFrame(text, { now: at, signing: by })

describe('a frame', () => {
  it('is what was signed', () => {
    expect(parse(frame)).toEqual({ ...head, messages: [{ kind: 'alive' }, { kind: 'broadcast', text: 'Å🎵' }] })
  })

  it('that was changed, cut or added to anywhere is nobody’s', () => {
    for (let index = 0; index < frame.length; index++) {
      const other = frame[index] === '1' ? '2' : '1'
      expect(parse(frame.slice(0, index) + other + frame.slice(index + 1))).toBe('unsigned')
      expect(parse(frame.slice(0, index))).toBe('unsigned')
    }
    expect(parse(`${frame} `)).toBe('unsigned')
    expect(parse(frame.replace(' 7 ', ' 8 '))).toBe('unsigned')
    expect(parse(frame.replace(' s\n', ' p\n'))).toBe('unsigned')
  })

  it('of another secret is nobody’s, unless that secret is accepted', () => {
    const other = 'another-secret-that-is-long-enough-too-01234'
    expect(parse(frame, now, createSigning(other))).toBe('unsigned')
    expect(parse(frame, now, createSigning(other, [secret]))).toMatchObject({ from: 'one', number: 7 })
  })

  it('is of one minute, by either clock', () => {
    expect([-60_001, -60_000, 60_000, 60_001].map((late) => typeof parse(frame, now + late))).toEqual([
      'string',
      'object',
      'object',
      'string',
    ])
    expect(parse(frame, now + 60_001)).toBe('late')
  })

  it.each(['', 'null', '{"v":1,"from":"a","n":1,"p":false,"m":[]}', '2', '2 x one 7 0 s\n[]', '3'.repeat(100)])(
    'is not %j',
    (text) => expect(parse(text)).toBe('unsigned'),
  )

  it('is none whatever text comes, and none throws', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(parse(text)).toBe('unsigned')
      }),
    )
  })

  it('that was signed and has no messages in it counts by its number', () => {
    for (const broken of ['{', '7,null,[]']) {
      expect(parse(formatFrame(head, [broken], signing))).toMatchObject({ number: 7, messages: [] })
    }
  })
})

describe('what is sealed', () => {
  it('is read by those with the secret alone', () => {
    const sealed = signing.seal('a token Å🎵')
    expect(sealed).not.toContain('token')
    expect(signing.open(sealed)).toBe('a token Å🎵')
    expect(createSigning('another-secret-that-is-long-enough-too-01234').open(sealed)).toBeUndefined()
    expect(createSigning('another-secret-that-is-long-enough-too-01234', [secret]).open(sealed)).toBe('a token Å🎵')
  })

  it('is nothing once it was changed', () => {
    const bytes = Buffer.from(signing.seal('text'), 'base64')
    for (let index = 0; index < bytes.length; index++) {
      const changed = Buffer.from(bytes)
      changed[index] = (changed[index] as number) ^ 1
      expect(signing.open(changed.toString('base64'))).toBeUndefined()
    }
    for (const text of ['', 'x', 'x'.repeat(100)]) expect(signing.open(text)).toBeUndefined()
  })
})
