import { expect, it } from 'vitest'
import { mulberry32 } from '../testing/mulberry32.ts'
import { redactText } from './redact-text.ts'

it.each([
  ['getaddrinfo postgres://app:hunter2@db/m', 'getaddrinfo postgres://[redacted]@db/m'],
  ["postgres://o'neil,b:hunter2@db/m", 'postgres://[redacted]@db/m'],
  [`postgres://app:${'hunter2'.repeat(150)}@db/m`, 'postgres://[redacted]@db/m'],
  ['https://token@a.example/b', 'https://[redacted]@a.example/b'],
  ['postgres://a:hun@ter2@db/m', 'postgres://[redacted]@db/m'],
  ['redis://:hun/ter2@db', 'redis://:[redacted]@db'],
  ['postgres://app:47/hunter2?x=y@db/m is no address', 'postgres://app:[redacted]@db/m is no address'],
  ['http://localhost:8080/login?password=hun@ter2', 'http://localhost:[redacted]'],
  ["password='hun ter2' of ana", "password=[redacted]' of ana"],
  ["password='hun'ter2' of ana", 'password=[redacted] of ana'],
  ['password="hun""ter2 rest" of ana', 'password=[redacted]" of ana'],
  ['{"password":"hun\\"ter2-rest"}', '{"password":[redacted]'],
  ['password="a\\\nhunter2"', 'password=[redacted]"'],
  ['{"token":"hun ter2","n":1}', '{"token":[redacted]","n":1}'],
  ['{"key":"a b"}{"token": "hunter2"}', '{"key":[redacted]"}{"token": [redacted]'],
  ["key='a b'|token: hunter2", "key=[redacted]'|token: [redacted]"],
  ["secret: 'hun ter2", 'secret: [redacted]'],
  ['Bearer hunter2, again', 'Bearer [redacted], again'],
  ['https://a.example/b?c=d', 'https://a.example/b?c=d'],
  ['https://code.example/@msc/core', 'https://code.example/@msc/core'],
  ['a key: , b', 'a key: , b'],
  // The name is in what may be a password, and its value goes on behind it.
  ['://://,;"key://,a@://://hunter2', '://:[redacted]'],
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

it('hides at least what plain rules hide, whatever is around it', () => {
  const plain = (text: string): string =>
    text
      .replace(/:\/\/[^\s/@]{1,200}@/g, '://@')
      .replace(/\b(Bearer |(?:password|token|secret|key)["']?[=:] ?)[^\s,;&]{1,500}/gi, '$1')
  const seed = Math.floor(Math.random() * 2 ** 31)
  const random = mulberry32(seed)
  const parts = [
    'key',
    'token',
    'password',
    'Bearer ',
    '=',
    ':',
    ': ',
    ' ',
    '"',
    "'",
    '\\',
    '\n',
    ',',
    ';',
    '&',
    '|',
    '{',
    '}',
    '://',
    '@',
    '/',
    '?',
    '#',
    'a',
  ]
  for (let round = 0; round < 20_000; round++) {
    let text = ''
    for (let n = 0; n < 14; n++) {
      text += random() < 0.25 ? `S${n}E` : parts[Math.floor(random() * parts.length)]
    }
    const [least, ours] = [plain(text), redactText(text, undefined)]
    const shown = (ours.match(/S\d+E/g) ?? []).filter((secret) => !least.includes(secret))
    expect(shown, `seed ${seed}: ${JSON.stringify(text)} became ${JSON.stringify(ours)}`).toEqual([])
  }
})
