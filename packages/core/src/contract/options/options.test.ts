import { describe, expect, it } from 'vitest'
import { assertNumbers, type NumberRule } from './assert-numbers.ts'
import { assertChoice, assertList, assertOptions } from './assert-options.ts'
import { assertPorts } from './assert-ports.ts'
import { durationOption } from './duration-option.ts'

const refused = (message: string, hint?: string): unknown =>
  expect.objectContaining({
    name: 'ConfigError',
    code: 'OPTION_INVALID',
    message: `[msc/analytics] ${message}`,
    ...(hint !== undefined && { hint }),
  })

describe('assertNumbers', () => {
  const rules: Record<string, number | NumberRule> = {
    batchSize: 1,
    waitMs: 0,
    days: { least: 0.01, fraction: true },
    perAddress: { least: 1, most: Infinity },
    port: { least: 0, most: 65_535 },
  }

  it.each([
    {},
    { batchSize: undefined },
    { batchSize: 1, waitMs: 0, port: 65_535 },
    { batchSize: 1e15, waitMs: 0.5, days: 0.5 },
    { perAddress: Infinity },
  ])('accepts %j', (options) => {
    expect(() => assertNumbers('analytics', options, rules)).not.toThrow()
  })

  it.each<[string, unknown, string, string]>([
    ['batchSize', Number.NaN, 'NaN', 'Pass a whole number of at least 1, or leave it out.'],
    ['batchSize', 0, '0', 'Pass a whole number of at least 1, or leave it out.'],
    ['batchSize', 1.5, '1.5', 'Pass a whole number of at least 1, or leave it out.'],
    ['batchSize', Infinity, 'Infinity', 'Pass a whole number from 1 to 1000000000000000, or leave it out.'],
    ['batchSize', 1e300, '1e+300', 'Pass a whole number from 1 to 1000000000000000, or leave it out.'],
    ['batchSize', '50', 'of type string', 'Pass a whole number of at least 1, or leave it out.'],
    ['batchSize', null, 'null', 'Pass a whole number of at least 1, or leave it out.'],
    ['batchSize', [], 'of type object', 'Pass a whole number of at least 1, or leave it out.'],
    ['batchSize', Symbol('5'), 'of type symbol', 'Pass a whole number of at least 1, or leave it out.'],
    ['batchSize', 5n, 'of type bigint', 'Pass a whole number of at least 1, or leave it out.'],
    ['waitMs', Infinity, 'Infinity', 'Pass a number from 0 to 1000000000000000, or leave it out.'],
    ['waitMs', -1, '-1', 'Pass a number of at least 0, or leave it out.'],
    ['perAddress', 1.5, '1.5', 'Pass a whole number from 1 to Infinity, or leave it out.'],
    ['port', 65_536, '65536', 'Pass a whole number from 0 to 65535, or leave it out.'],
  ])('refuses %s: %o and says what to pass', (name, value, what, hint) => {
    expect(() => assertNumbers('analytics', { [name]: value }, rules)).toThrow(refused(`\`${name}\` is ${what}.`, hint))
  })

  it('refuses a missing number that has no default, and names what it is part of', () => {
    const required = { calls: { least: 1, required: true } }
    expect(() => assertNumbers('analytics', {}, required, 'limit')).toThrow(
      refused('`limit.calls` is missing.', 'Pass a whole number of at least 1.'),
    )
  })

  it.each([
    [undefined, 'missing'],
    [null, 'null'],
    [[], 'of type object'],
    ['a', 'of type string'],
  ])('refuses options that are %j', (options, what) => {
    expect(() => assertNumbers('analytics', options, rules)).toThrow(refused(`\`options\` is ${what}.`))
    expect(() => assertNumbers('analytics', options, rules, 'limit')).toThrow(refused(`\`limit\` is ${what}.`))
    expect(() => assertOptions('analytics', options)).toThrow(refused(`\`options\` is ${what}.`))
  })
})

describe('assertChoice', () => {
  const choices = [undefined, 'required', 'none']

  it.each(choices)('accepts %s', (value) => {
    expect(() => assertChoice('analytics', 'auth', value, choices)).not.toThrow()
  })

  it.each([
    ['Required', '"Required"'],
    [null, 'null'],
    [true, 'true'],
    [{}, 'of type object'],
    // It may be a secret in the wrong place.
    ['a-text-of-more-than-20-letters', 'of type string'],
  ])('refuses %s', (value, what) => {
    expect(() => assertChoice('analytics', 'auth', value, choices)).toThrow(
      refused(`\`auth\` is ${what}.`, 'Pass "required" or "none", or leave it out.'),
    )
  })

  it('refuses a missing choice where none is the default', () => {
    expect(() => assertChoice('analytics', 'secure', undefined, [true, false])).toThrow(
      refused('`secure` is missing.', 'Pass true or false.'),
    )
  })
})

it.each([['text'], [null], [undefined], [{ length: 0 }]])('refuses %s in the place of a list', (value) => {
  expect(() => assertList('analytics', 'rules', value)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
  expect(() => assertList('analytics', 'rules', [value])).not.toThrow()
})

describe('assertPorts', () => {
  it.each([
    [{ clock: null }],
    [{ clock: {} }],
    [{ clock: Date }],
    [{ onError: null }],
    [{ onError: {} }],
    [{ random: 1 }],
  ])('refuses %o', (options) => {
    expect(() => assertPorts('analytics', options)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
    expect(() => assertPorts('analytics', {})).not.toThrow()
  })
})

describe('durationOption', () => {
  const range = { leastMs: 1000, mostMs: 60_000 }

  it('returns milliseconds', () => {
    expect(durationOption('analytics', 'keep', '1m', range)).toBe(60_000)
    expect(durationOption('analytics', 'keep', 1, range)).toBe(1000)
  })

  it.each([
    ['61s', 'is 61000 milliseconds.'],
    [0.5, 'is 500 milliseconds.'],
    [null, 'is no duration.'],
    [Number.NaN, 'is no duration.'],
    ['soon', 'is no duration.'],
    [`${'9'.repeat(400)}d`, 'is no duration.'],
    [{}, 'is no duration.'],
    [Object.create(null), 'is no duration.'],
  ])('refuses %s and names the option', (value, words) => {
    const hint = "Pass from 1000 to 60000 milliseconds, as a number of seconds or a text such as '12h'."
    expect(() => durationOption('analytics', 'keep', value, range)).toThrow(refused(`\`keep\` ${words}`, hint))
  })
})
