import { afterEach, describe, expect, it } from 'vitest'
import { jsonBytes, plainJson } from '../page/plain-json.ts'
import { readReceipt, shorten } from './read-receipt.ts'
import { writeEach } from './write-each.ts'

describe('a batch in the format of a backend', () => {
  it('rejects only the item that cannot be written, with the reason', () => {
    const items = [1, Infinity, 2].map((at, index) => ({ id: `${index}`, at }))
    const { written, rejected } = writeEach(items, ({ at }) => new Date(at).toISOString())
    expect(written.map(({ item }) => item.id)).toEqual(['0', '2'])
    expect(rejected).toEqual([
      { id: '1', retryable: false, reason: 'unreadable', detail: 'The item could not be written: Invalid time value' },
    ])
  })
})

it.each([
  [
    'an error whose message throws',
    {
      get message(): string {
        throw new Error('no')
      },
    },
  ],
  ['a revoked proxy', revoked()],
  ['undefined', undefined],
])('a batch continues when its writer throws %s', (_what, thrown) => {
  const { written, rejected } = writeEach([{ id: '0' }, { id: '1' }], ({ id }) => {
    if (id === '0') throw thrown
    return id
  })
  expect(written.map(({ as }) => as)).toEqual(['1'])
  expect(rejected).toEqual([
    { id: '0', retryable: false, reason: 'unreadable', detail: 'The item could not be written.' },
  ])
})

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

describe('plain JSON', () => {
  const prototype = Array.prototype as { toJSON?: () => unknown }
  afterEach(() => {
    delete prototype.toJSON
  })

  it.each([
    [{ a: [1, 'é', null, undefined, { b: true }], c: undefined, 'd "': '\n', e: new Date(0) }],
    [[]],
    ['text'],
    [null],
    [Object.assign(Object.create(null) as object, { a: 1 })],
  ])('is not affected by an Array.prototype.toJSON of the page: %j', (value) => {
    const expected = JSON.stringify(value)
    // oxlint-disable-next-line no-extend-native -- what Prototype.js 1.6 does
    prototype.toJSON = () => 'text'
    expect(plainJson(value)).toBe(expected)
    expect(jsonBytes(value)).toBe(new TextEncoder().encode(expected).byteLength)
  })
})

it("a backend's message never contains half a secret at the cut", () => {
  for (let before = 240; before < 300; before += 4) {
    const text = `${'x '.repeat(before / 2)}cannot reach postgres://svc:S3cretPassw0rd@db/x`
    expect(shorten(text)).not.toContain('S3c')
    expect(shorten(text).length).toBeLessThan(340)
  }
})

it.each([
  [Infinity, 900_000],
  [31_536_000_000, 900_000],
  [30_000, 30_000],
  [0, 100],
])('a limit of %d ms applies for %d ms', (forMs, believed) => {
  expect(readReceipt({ limits: [{ kinds: 'all', forMs }] })).toMatchObject({
    limits: [{ kinds: 'all', forMs: believed }],
    malformed: false,
  })
})
