import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sha256 } from '../sha256.ts'
import { sessionCookie, sessionTokenOf } from './session-cookie.ts'
import { isSessionToken, newSessionToken } from './session-token.ts'

const A = newSessionToken()
const B = newSessionToken()

describe('the cookie of a session', () => {
  it('is one that only this host can set, over TLS, unless that is switched off', () => {
    expect(sessionCookie(A, 60.9, {})).toBe(
      `__Host-msc-session=${A}; Path=/; HttpOnly; SameSite=Lax; Max-Age=60; Secure`,
    )
    expect(sessionCookie(A, 60, { secure: false })).toBe(`msc-session=${A}; Path=/; HttpOnly; SameSite=Lax; Max-Age=60`)
  })

  it.each([
    ['among others', `a=b; __Host-msc-session=${A}; c=d`, A],
    ['twice with the same value', `__Host-msc-session=${A}; __Host-msc-session=${A}`, A],
    ['without spaces', `a=b;__Host-msc-session=${A}`, A],
    ['twice with different values', `__Host-msc-session=${A}; __Host-msc-session=${B}`, undefined],
    ['beside an empty one', `__Host-msc-session=; __Host-msc-session=${A}`, undefined],
    ['after garbage', `__Host-msc-session=x; __Host-msc-session=${A}`, undefined],
    ['before garbage', `__Host-msc-session=${A}; __Host-msc-session=x`, undefined],
    ['overlong', `__Host-msc-session=${A}${A}`, undefined],
    ['quoted', `__Host-msc-session="${A}"`, undefined],
    ['under the name without a prefix', `msc-session=${A}`, undefined],
    ['under a longer name', `x__Host-msc-session=${A}`, undefined],
    ['in other letters', `__host-msc-session=${A}`, undefined],
    ['as a JWT', '__Host-msc-session=eyJhbGciOiJub25lIn0.e30.', undefined],
    ['not at all', 'a=b', undefined],
    ['in no header', null, undefined],
  ])('is read or refused by one rule: %s', (_, header, expected) => {
    expect(sessionTokenOf(header)).toBe(expected)
  })

  it('is never read from a header that carries two different values, wherever they are', () => {
    const noise = fc.array(fc.stringMatching(/^[a-z]{1,8}=[a-zA-Z0-9]{0,20}$/), { maxLength: 5 })
    fc.assert(
      fc.property(noise, noise, noise, fc.string(), (before, between, after, other) => {
        fc.pre(!other.includes(';') && other.trim() !== A)
        const header = [...before, `__Host-msc-session=${A}`, ...between, `__Host-msc-session=${other}`, ...after]
        expect(sessionTokenOf(header.join('; '))).toBeUndefined()
        expect(sessionTokenOf(header.toReversed().join('; '))).toBeUndefined()
      }),
    )
  })
})

describe('a token', () => {
  it('has 256 random bits in 43 characters, and a hash of its text', async () => {
    const tokens = Array.from({ length: 500 }, newSessionToken)
    expect(new Set(tokens).size).toBe(500)
    expect(tokens.every(isSessionToken)).toBe(true)
    expect(await sha256('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  })
})
