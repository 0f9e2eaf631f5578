import type { IncomingMessage } from 'node:http'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { plainPath } from './plain-address.ts'

const asked = (url: string | undefined): { path: string | undefined; url: string | undefined; host: unknown } => {
  const request = { url, headers: { host: 'here' } } as IncomingMessage
  const path = plainPath(request)
  return { path, url: request.url, host: request.headers.host }
}

describe('the path of a request', () => {
  it.each([
    ['/', '/'],
    ['/releases?next=/../x', '/releases'],
    ['/%64evtools', '/devtools'],
    ['/a///b/', '/a/b/'],
    ['/a%2fb', '/a/b'],
    ['/caf%C3%A9/100%25', '/café/100%'],
    ['/.well-known/a..b/...', '/.well-known/a..b/...'],
  ])('of %s is %s', (url, path) => {
    expect(asked(url)).toEqual({ path, url, host: 'here' })
  })

  it.each([
    '/api/../sign-in',
    '/api/%2e%2e/sign-in',
    '/api/.%2E/sign-in?a',
    '/api/%252e%252e/sign-in',
    '/api%2f..%2fsign-in',
    '/./sign-in',
    '/api/..',
    '/api\\..\\sign-in',
    '/api/%5c',
    '/a%00',
    '/a%0d%0ab',
    '/%',
    '/%ff',
    '/a#b',
    '*',
    '',
    undefined,
    'sign-in',
    'ftp://here/x',
    'http://here/api/../sign-in',
  ])('is none for %j', (url) => {
    expect(asked(url).path).toBeUndefined()
  })

  it.each([
    ['http://elsewhere:81/a?b=c', '/a?b=c', 'elsewhere:81'],
    ['HTTPS://elsewhere', '/', 'elsewhere'],
    ['http://elsewhere?b', '/?b', 'elsewhere'],
  ])('of %s is what stands behind the host', (url, left, host) => {
    expect(asked(url)).toMatchObject({ url: left, host })
  })

  it('begins with one slash, so that nobody takes its first part for a host', () => {
    expect(asked('///elsewhere/realtime//v1?a')).toEqual({
      path: '/elsewhere/realtime/v1',
      url: '/elsewhere/realtime//v1?a',
      host: 'here',
    })
  })

  it('is read by WHATWG URL as it is here, for whatever has one', () => {
    const part = fc.constantFrom(
      '/',
      '..',
      '.',
      '%2e',
      '%2F',
      'api',
      '%61',
      '\\',
      '%5C',
      '//',
      'x',
      '%25',
      'é',
      ';',
      '@',
    )
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
        const { path, url = '' } = asked(`/${parts.join('')}`)
        if (path === undefined) return
        const read = new URL(url, 'http://here').pathname
        expect(decodeURIComponent(read).replaceAll(/\/{2,}/g, '/')).toBe(path)
      }),
      { numRuns: 2000 },
    )
  })
})
