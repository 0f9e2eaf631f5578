import { expect, it } from 'vitest'
import { redactText } from './redact-text.ts'

it.each([
  ['getaddrinfo postgres://app:hunter2@db/m', 'getaddrinfo postgres://[redacted]@db/m'],
  ['postgres://a:hun@ter2@db/m', 'postgres://[redacted]@db/m'],
  ['redis://:hun/ter2@db', 'redis://[redacted]@db'],
  ['postgres://app:47/hunter2?x=y@db/m is no address', 'postgres://[redacted]@db/m is no address'],
  [`postgres://app:${'hunter2'.repeat(150)}@db/m`, 'postgres://[redacted]@db/m'],
  ["password='hun ter2' of ana", 'password=[redacted] of ana'],
  ['{"token":"hun ter2","n":1}', '{"token":[redacted],"n":1}'],
  ["secret: 'hun ter2", 'secret: [redacted]'],
  ['Bearer hunter2, again', 'Bearer [redacted], again'],
  ['https://a.example/b?c=d', 'https://a.example/b?c=d'],
])('hides without the full rules, in %j, what is secret', (text, expected) => {
  expect(redactText(text, undefined)).toBe(expected)
})

it('reads no more of a text than it keeps, and no secret by half', () => {
  const text = `${'a'.repeat(1990)} password=${'s'.repeat(5000)}`
  expect(redactText(text, undefined)).toBe(`${'a'.repeat(1990)} password=`)
  expect(redactText('://'.repeat(100_000), undefined)).toHaveLength(2000)
})
