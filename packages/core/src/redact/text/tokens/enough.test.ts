import { describe, expect, it } from 'vitest'
import { createRedactor } from '../../index.ts'
import { createNameBook } from '../../names/name-book.ts'
import { judgeName, judgePhrase } from '../../names/names.ts'
import { scanText } from '../scan.ts'
import { NEVER } from '../state.ts'

// Marks are longer than some of what they replace, so a pass may end before its text does.

const names = createNameBook((name) => judgeName(name, []), 1)
const phrases = createNameBook(judgePhrase, 1)
const scan = (text: string, enough: number): string => scanText(text, text.length, names, phrases, enough)

describe('a pass whose output is only wanted up to a length', () => {
  const text = 'token=a '.repeat(8)
  const whole = scan(text, NEVER)

  it('returns at least the wanted length, and a prefix of what a whole pass returns', () => {
    expect(whole).toBe('token=[redacted] '.repeat(8))
    for (let enough = 1; enough < whole.length; enough++) {
      const part = scan(text, enough)
      expect(part.length).toBeGreaterThanOrEqual(enough)
      expect(whole.startsWith(part), String(enough)).toBe(true)
    }
  })

  it('stops after the mark that makes the output long enough, and not one mark earlier', () => {
    const two = 'token=[redacted] token=[redacted]'
    expect(scan(text, two.length)).toBe(two)
    expect(scan(text, two.length + 1)).toBe(`${two} token=[redacted]`)
  })

  it('reads a text without secrets to its end', () => {
    expect(scan('word '.repeat(20), 10)).toBe('word '.repeat(20))
  })
})

describe('a cut of a text that is full of secrets', () => {
  it('keeps what cutting the whole cleaned text would keep', () => {
    const clean = createRedactor({ maxString: 1000 })
    const unbounded = createRedactor({ maxString: 100_000 })
    for (const token of ['token=a ', 'a@b.co ', '"password":"x",', 'Bearer abcdef0123456 ']) {
      const text = token.repeat(600)
      const cut = clean.text(text)
      const body = cut.slice(0, cut.lastIndexOf('… ('))
      expect(unbounded.text(text).startsWith(body), token).toBe(true)
      expect(clean.text(cut), token).toBe(cut)
    }
  })

  it('hides a value whose label follows it within the scanned text', () => {
    const clean = createRedactor({ maxString: 100 })
    const before = 'token=a '.repeat(5)
    const input = `${before}{"value":"hunter2","name":"password"} ${'token=a '.repeat(200)}`
    expect(clean.text(input)).not.toContain('hunter2')
  })

  it('looks beyond the cut for the label of a kept value, as far as the text is scanned', () => {
    const clean = createRedactor({ maxString: 100 })
    const label = ',"name":"password"}'
    const behind = (log: string): string => clean.text(`{"value":"hunter2","log":"${log}"${label}`)
    // The output is long enough before the label comes, and the input is short enough to be read whole.
    for (let marks = 20; marks <= 65; marks++)
      expect(behind('token=a '.repeat(marks)), String(marks)).not.toContain('hunter2')
    // The label is more than 500 characters after the cut, beyond the scanned text.
    for (const log of ['token=a '.repeat(80), 'word '.repeat(130)]) {
      expect(behind(log)).toContain('hunter2')
      expect(clean.text(behind(log))).toBe(behind(log))
    }
  })

  it('is shorter than requested when a match of a pattern is longer than its mark, and shows nothing of the match', () => {
    const clean = createRedactor({ maxString: 100, patterns: [/x{40}/] })
    const input = `token=a ${'x'.repeat(40)} `.repeat(50)
    const cut = clean.text(input)
    expect(cut).not.toContain('xx')
    expect(cut).toMatch(/^(token=\[redacted\] \[redacted\] )+.*… \(2450 characters\)$/)
    expect(clean.text(cut)).toBe(cut)
  })
})
