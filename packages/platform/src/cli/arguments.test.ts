import { describe, expect, it } from 'vitest'
import { USAGE, readArguments } from './arguments.ts'
import { closest } from './closest.ts'
import { timeLeft } from './time-left.ts'

const doctor = { command: 'doctor', json: false, strict: false }

describe('the command line', () => {
  it.each([
    [['doctor'], doctor],
    [['doctor', '--json', '--strict'], { ...doctor, json: true, strict: true }],
    [['--json', 'doctor'], { ...doctor, json: true }],
    [['doctor', '--timeout', '2.5'], { ...doctor, timeoutMs: 2500 }],
    [['doctor', '--timeout=10'], { ...doctor, timeoutMs: 10_000 }],
    [['doctor', '--config', 'ops/msc.config.mjs'], { ...doctor, configFile: 'ops/msc.config.mjs' }],
    [['help'], { command: 'help' }],
    [['--help'], { command: 'help' }],
    [['-h'], { command: 'help' }],
    [['doctor', '--help'], { command: 'help' }],
    [['version'], { command: 'version' }],
    [['--version'], { command: 'version' }],
    [['-v'], { command: 'version' }],
  ])('reads %j', (args, expected) => {
    expect(readArguments(args)).toEqual(expected)
  })

  it.each([
    [[], 'A command is missing. Did you mean doctor?'],
    [['doctr'], 'There is no command doctr. Did you mean doctor?'],
    [['xyzzyx'], 'There is no command xyzzyx.'],
    [['doctor', '--jsno'], 'There is no option --jsno. Did you mean --json?'],
    [['doctor', '--Json'], 'There is no option --Json. Did you mean --json?'],
    [['doctor', '--timout=3'], 'There is no option --timout. Did you mean --timeout?'],
    [['doctor', '-j'], 'There is no option -j.'],
    [['doctor', '--quiet'], 'There is no option --quiet.'],
    [['doctor', 'cache'], 'msc doctor takes no arguments: cache.'],
    [['doctor', '--timeout', '0'], '--timeout takes seconds, more than 0 and at most 600. Did you mean --timeout 2.5?'],
    [
      ['doctor', '--timeout', 'soon'],
      '--timeout takes seconds, more than 0 and at most 600. Did you mean --timeout 2.5?',
    ],
    [['doctor', '--timeout='], '--timeout takes seconds, more than 0 and at most 600. Did you mean --timeout 2.5?'],
    [['doctor', '--timeout', '3600'], expect.stringContaining('at most 600')],
    [['doctor', '--timeout'], expect.stringContaining('--timeout')],
    [['doctor', '--json=yes'], expect.stringContaining('--json')],
  ])('refuses %j', (args, message) => {
    expect(readArguments(args)).toEqual({ command: 'refused', message })
  })

  it('has every option and every exit code explained', () => {
    for (const part of ['--json', '--strict', '--timeout', '--config', '--help', '--version', '0 ', '1 ', '2 ']) {
      expect(USAGE).toContain(part)
    }
  })
})

it('leaves round trips the time that loading the command has not used, and at least a second', () => {
  expect([0, 700.4, 1500, 60_000].map(timeLeft)).toEqual([2500, 1800, 1000, 1000])
})

describe('the closest word', () => {
  it('is at most two edits away', () => {
    expect(closest('jsno', ['json', 'strict'])).toBe('json')
    expect(closest('strct', ['json', 'strict'])).toBe('strict')
    expect(closest('something', ['json', 'strict'])).toBeUndefined()
    expect(closest('j', ['json'])).toBeUndefined()
    expect(closest('x', [])).toBeUndefined()
  })
})
