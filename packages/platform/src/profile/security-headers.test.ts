import { expect, it } from 'vitest'
import { newNonce, pagePolicy, securityHeaders } from './security-headers.ts'

it('asks for HTTPS only where there is HTTPS', () => {
  expect(securityHeaders({ secure: true })['strict-transport-security']).toMatch(/^max-age=\d{8}/)
  expect(securityHeaders({ secure: false })).not.toHaveProperty('strict-transport-security')
  expect(securityHeaders({ secure: false })['x-content-type-options']).toBe('nosniff')
})

it('lets a page talk to the origins that it was given, by socket too, and to nothing else', () => {
  const connect = [
    'https://key@sentry.example:444/42',
    undefined,
    '',
    'no address',
    "https://a'; script-src *",
    'https://sentry.example:444',
  ]
  const policy = pagePolicy({ nonce: 'abc', connect })
  expect(policy).toContain("connect-src 'self' https://sentry.example:444 wss://sentry.example:444;")
  expect(policy).toContain("script-src 'self' 'nonce-abc' 'strict-dynamic';")
  expect(policy).not.toMatch(/unsafe|\*/)
})

it('makes another nonce each time, of characters that a policy can carry', () => {
  const nonces = Array.from({ length: 100 }, newNonce)
  expect(new Set(nonces).size).toBe(100)
  for (const nonce of nonces) expect(nonce).toMatch(/^[A-Za-z\d+/]{22}==$/)
})
