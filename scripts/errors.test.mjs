import { describe, expect, it } from 'vitest'
import { errorsMadeIn } from './lib/error-codes.mjs'

const made = (text) => errorsMadeIn([{ file: 'a.ts', text }])

describe('codes of errors', () => {
  it('are read with message, retry and hint', () => {
    const text = `throw new ConfigError(\`[msc/cache] \${name} is no number.\`, { code: 'OPTION_INVALID', hint: 'Pass one.' })
      throw new UnavailableError('Away.', { code: 'STORE_AWAY' })
      throw new DriverError('redis', 'It refused.', { code: 'DRIVER_REFUSED', retryable: isPassing })`
    expect(made(text)).toEqual([
      { code: 'OPTION_INVALID', meanings: ['[msc/cache] {name} is no number.'], retryable: false, hint: 'Pass one.' },
      { code: 'STORE_AWAY', meanings: ['Away.'], retryable: true, hint: undefined },
      { code: 'DRIVER_REFUSED', meanings: ['It refused.'], retryable: undefined, hint: undefined },
    ])
  })
  it('are the default of the class when a call names none', () => {
    expect(made(`throw new ConfigError('Half set.', { hint: 'Set both.' })`)).toEqual([
      { code: 'CONFIG_INVALID', meanings: ['Half set.'], retryable: false, hint: 'Set both.' },
    ])
  })
  it('are followed through a function to its callers', () => {
    const text = `function refuse(what: string, code: string): never {
      throw new ValidationError(\`[msc/cache] \${what}.\`, [], { code })
    }
    refuse('A key must be a string', 'KEY_INVALID')
    refuse(\`\${option} must be a time\`, 'TIME_INVALID')`
    expect(made(text).map(({ code, meanings }) => [code, meanings])).toEqual([
      ['KEY_INVALID', ['[msc/cache] A key must be a string.']],
      ['TIME_INVALID', ['[msc/cache] {option} must be a time.']],
    ])
  })
  it('are followed where a function is called by another name or as a property, with what is added to them', () => {
    const text = `const BUSY = { code: 'BUSY', hint: 'Wait.' }
    function refusal(what: string, code: string, more?: object) {
      return new ConfigError(\`[msc/x] \${what}\`, { code, ...more })
    }
    function send({ refusal: refuse }: Tools) { throw refuse('Empty.', 'EMPTY', { hint: 'Write something.' }) }
    function check(deny: typeof refusal) { throw deny('Odd.', 'ODD') }
    throw tools.refusal('Late.', 'LATE')
    throw new UnavailableError('Busy.', BUSY)`
    const all = made(text).map(({ code, meanings, hint }) => [code, meanings, hint])
    expect(all.toSorted()).toEqual([
      ['BUSY', ['Busy.'], 'Wait.'],
      ['EMPTY', ['[msc/x] Empty.'], 'Write something.'],
      ['LATE', ['[msc/x] Late.'], undefined],
      ['ODD', ['[msc/x] Odd.'], undefined],
    ])
  })
  it('are read without the callers’ names when the function has its own message', () => {
    const text = `function assertName(name: string) {
      throw new ConfigError(\`[msc/jobs] \${name} is no name.\`, { code: 'NAME_INVALID' })
    }
    assertName('ai/process')`
    expect(made(text).map(({ meanings }) => meanings)).toEqual([['[msc/jobs] {name} is no name.']])
  })
  it('are both of a condition, each with its own message', () => {
    const text = `throw new ConfigError(\`The driver \${lacks ? \`lacks \${lacks}\` : 'is old'}.\`, {
      code: lacks ? 'DRIVER_INVALID' : 'DRIVER_VERSION',
    })`
    expect(made(text).map(({ code, meanings }) => [code, meanings])).toEqual([
      ['DRIVER_INVALID', ['The driver lacks {lacks}.']],
      ['DRIVER_VERSION', ['The driver is old.']],
    ])
  })
  it('are explained by a class, by a comment beside the code, or by one above the statement', () => {
    const text = `/** The run took too long. It fails for good. */
    export class LateError extends MscError {
      constructor() { super(\`Late by \${n}\`, { code: 'LATE' }) }
    }
    throw new MscError(text, {
      // Nobody answers.
      code: 'SILENT',
    })
    function kindOf(status: number) {
      // The account is empty.
      if (status === 402) return { code: 'QUOTA', retryable: false }
    }`
    expect(made(text).map(({ code, meanings }) => [code, meanings])).toEqual([
      ['LATE', ['The run took too long.']],
      ['SILENT', ['Nobody answers.']],
      ['QUOTA', ['The account is empty.']],
    ])
  })
  it('do not include those of foreign errors', () => {
    expect(made(`if (error.code === 'ECONNREFUSED') post({ code: 'ECONNREFUSED' })`)).toEqual([])
  })
})
