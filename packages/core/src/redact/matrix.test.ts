import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { findLeak, ordinaryNames, ordinaryValues, secretCarriers, secretFamilies } from '../testing/redaction/index.ts'
import { createRedactor } from './index.ts'

const clean = createRedactor()
/** Families whose secrets begin with a prefix of their issuer. */
const TOKENS = /^(?!card$|payoutAccount|contact|authorization|privateKey)/
const SEEDS = [1, 2, 3, 5, 8, 13, 21, 34]

describe('the matrix of secrets and carriers', () => {
  it.each(secretFamilies.map((family) => [family.name, family] as const))('hides every %s', (_name, family) => {
    const leaks: string[] = []
    for (const carrier of secretCarriers) {
      for (const seed of SEEDS) {
        const secret = family.generate(seed)
        const carried = carrier.carry(family, secret)
        if ('impossible' in carried) continue
        const out = clean(carried.value)
        const leak = findLeak(JSON.stringify(out) + inspect(out, { depth: Infinity, maxStringLength: Infinity }), family, secret) // prettier-ignore
        if (leak !== undefined) leaks.push(`${carrier.name}, seed ${seed}: ${leak}`)
      }
    }
    expect(leaks).toEqual([])
  })

  it.each(secretFamilies.map((family) => [family.name, family] as const))(
    'hides every %s in the JSON of an object as well as in the object',
    (_name, family) => {
      const leaks: string[] = []
      for (const carrier of secretCarriers) {
        for (const seed of SEEDS) {
          const secret = family.generate(seed)
          const carried = carrier.carry(family, secret)
          if ('impossible' in carried) continue
          for (const [form, text] of jsonForms(carried.value)) {
            const leak = findLeak(clean.text(text), family, secret)
            if (leak !== undefined) leaks.push(`${carrier.name}, ${form}, seed ${seed}: ${leak}`)
          }
        }
      }
      expect(leaks).toEqual([])
    },
  )

  it('hides the rest of a token that a cut shortened', () => {
    const leaks: string[] = []
    for (const family of secretFamilies.filter(
      ({ shaped, url, property }) => shaped && !url && TOKENS.test(property),
    )) {
      for (let seed = 1; seed <= 20; seed++) {
        const secret = family.generate(seed)
        // Long enough for a prefix and two pieces of the length that counts as a leak.
        for (let length = 24; length < secret.length; length++) {
          const text = `refused ${secret.slice(0, length)}`
          if (clean.text(text) === text) leaks.push(text)
        }
      }
    }
    expect(leaks).toEqual([])
  })

  // Random pieces in which capitals, small letters and digits hardly alternate.
  it.each([
    're_ISYdtwPL_HLQGOKHyfjM', 're_ABCDwxyz_ABCDEfghijklmnop', 're_abcdWXYZ_qrstUVWXyz', 'SG.OOQGusuztMPXLRYCqAb',
    'SG.ZsqFTESOPWGHJqwertyui',
  ])('hides %s, the rest of a token that was cut', (token) => {
    expect(clean(`refused ${token}`)).toBe('refused [redacted]')
  }) // prettier-ignore

  it('leaves alone the end of a text that only looks like a token that was cut', () => {
    for (const name of [
      're_version2_mix2',
      're_recorded_instrumental',
      're_mastered_NightDrive',
      'SG.sessions-2024-mix2',
    ]) {
      expect(clean(`see ${name}`)).toBe(`see ${name}`)
    }
  })

  it('covers at least 30 families in 37 carriers, and detects a leak', () => {
    expect(secretFamilies.length).toBeGreaterThanOrEqual(30)
    expect(secretCarriers.length).toBeGreaterThanOrEqual(37)
    expect(new Set(secretFamilies.map(({ name }) => name)).size).toBe(secretFamilies.length)
    expect(new Set(secretCarriers.map(({ name }) => name)).size).toBe(secretCarriers.length)
    const unseen: string[] = []
    for (const family of secretFamilies) {
      for (const carrier of secretCarriers) {
        const carried = carrier.carry(family, family.generate(1))
        if ('impossible' in carried) continue
        const shown = inspect(carried.value, { depth: Infinity, maxStringLength: Infinity, showHidden: true })
        if (findLeak(shown, family, family.generate(1)) === undefined && !carrier.name.startsWith('base64')) {
          unseen.push(`${family.name} in ${carrier.name}`)
        }
      }
    }
    expect(unseen).toEqual([])
  })

  it('lists the families that a carrier cannot hold, with the reason', () => {
    const impossible = secretFamilies.flatMap((family) =>
      secretCarriers.flatMap((carrier) => {
        const carried = carrier.carry(family, family.generate(1))
        return 'impossible' in carried ? [`${carrier.name}: ${carried.impossible}`] : []
      }),
    )
    expect([...new Set(impossible)].sort()).toEqual([
      'Headers: headers hold visible ASCII only',
      'bigint: its values are not numbers',
      'number: its values are not numbers',
      'unencoded userinfo: a space ends a URL',
    ])
  })
})

describe('ordinary telemetry', () => {
  it('leaves at least 99.9 % of 10 000 ordinary values untouched', () => {
    const touched = ordinaryValues(20_261_125, 10_000).filter((value) => clean(value) !== value)
    expect(touched.length, JSON.stringify(touched.slice(0, 5))).toBeLessThanOrEqual(10)
  })

  it.each([
    '/releases/key-to-my-heart-2024', 'the-key-to-success-2024.mp3', 'https://cdn.msc.example/audio/key-change-demo-v2.wav',
    're_mastered_version_2011.wav', 're_recorded_vocals_v2', 'release-re_issue-2024-01', 'sk-instrumental-mix-2024',
    'SG.sessions.2024.01', 'npm_lifecycle_script_2', 'pypi-upload-2024-release-x', 'hf_transfer_enabled_v2_0',
    'pk_tracks_isrc_version_2', '/app/.next/static/chunks/key-a1b2c3d4e5f6.js',
    'at x (/app/dist/assets/key-signature-3f9a2b1c.js:1:2)', 'Low pass: 200 Hz', 'Time Signature: 4/4',
    'Key Signature: C major', 'Boarding pass: A12', 'Map pin: Stockholm', 'Time signature: 7/8, BPM: 120',
    'Token of Love - 2024 remaster', 'Passwords & Secrets (feat. Ines Marlow)',
  ])('leaves alone %s', (value) => {
    expect(clean(value)).toBe(value)
    expect(clean({ description: value })).toEqual({ description: value })
  }) // prettier-ignore

  it('leaves every ordinary name with its value untouched', () => {
    const names = new Set(ordinaryNames.map(({ name }) => name))
    expect(names.size).toBeGreaterThanOrEqual(300)
    const touched = ordinaryNames.filter(({ name, value }) => {
      const out = clean({ [name]: value })
      return Object.keys(out)[0] !== name || out[name] !== value
    })
    expect(touched).toEqual([])
  })
})

/**
 * Returns the forms in which programs print an object, without what `JSON.stringify` leaves out: maps, and causes of
 * errors.
 */
function jsonForms(value: unknown): [form: string, text: string][] {
  const plain = (_key: string, each: unknown): unknown => (typeof each === 'bigint' ? Number(each) : each)
  const text = JSON.stringify(value, plain)
  return [
    ['plain', text],
    ['indented', JSON.stringify(value, plain, 2)],
    ['in a JSON string', JSON.stringify({ body: text })],
  ]
}
