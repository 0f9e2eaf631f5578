import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { findLeak, ordinaryNames, ordinaryValues, secretCarriers, secretFamilies } from '../testing/redaction/index.ts'
import { createRedactor } from './index.ts'

const clean = createRedactor()
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

  it('covers at least 30 families in 37 carriers, and notices a leak', () => {
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

  it('lists what cannot be carried, and says why', () => {
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
    ])
  })
})

describe('ordinary telemetry', () => {
  it('leaves at least 99.9 % of 10 000 ordinary values untouched', () => {
    const touched = ordinaryValues(20_261_125, 10_000).filter((value) => clean(value) !== value)
    expect(touched.length, JSON.stringify(touched.slice(0, 5))).toBeLessThanOrEqual(10)
  })

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
