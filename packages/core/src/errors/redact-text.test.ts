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
  ['{"password":"hun\\"ter2-rest"}', '{"password":[redacted]'],
  ['password="hun""ter2 rest" of ana', 'password=[redacted] of ana'],
  ["password='hun'ter2' of ana", 'password=[redacted] of ana'],
  ['https://token@a.example/b', 'https://[redacted]@a.example/b'],
  ['https://a.example/b?c=d', 'https://a.example/b?c=d'],
  ['https://registry.npmjs.org/@msc/core', 'https://registry.npmjs.org/@msc/core'],
  ['{"url":"https://a.example","mail":"ana@b.example"}', '{"url":"https://a.example","mail":"ana@b.example"}'],
])('hides without the full rules, in %j, what is secret', (text, expected) => {
  expect(redactText(text, undefined)).toBe(expected)
})

it('reads no more of a text than it keeps, and no secret by half', () => {
  const text = `${'a'.repeat(1990)} password=${'s'.repeat(5000)}`
  expect(redactText(text, undefined)).toBe(`${'a'.repeat(1990)} password=`)
  const address = `${'a'.repeat(1000)} redis://:${'s'.repeat(3000)}@db`
  expect(redactText(address, undefined)).toBe(`${'a'.repeat(1000)} redis://[redacted]@`)
  expect(redactText('a://'.repeat(100_000), undefined).length).toBeLessThanOrEqual(2000)
})
