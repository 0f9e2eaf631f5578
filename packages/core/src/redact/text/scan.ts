import { markWidth } from '../marks.ts'
import type { NameBook } from '../names/name-book.ts'
import {
  AMPERSAND,
  AT,
  BRACE,
  CLOSER,
  JOINER,
  LESS,
  OPENING_BRACKET,
  PERCENT,
  PLUS,
  RUN,
  SEPARATOR,
  SPACE,
  classOf,
  escapedCode,
  escapedLevel,
  escapedWidth,
  isQuote,
  readEscape,
} from './chars.ts'
import { hideEmail } from './tokens/email.ts'
import { mayEnd, onBrace } from './labels.ts'
import { hideEscapedElement } from './markup/escaped-markup.ts'
import { hideLabelledElement } from './markup/labelled-elements.ts'
import { hideElement } from './markup/markup.ts'
import { hideNextItem, hidePathSegment } from './neighbours.ts'
import { hidePart } from './formats/parts.ts'
import { entityWidth } from './quotes.ts'
import { indexEnd } from './formats/indexes.ts'
import { readRun } from './runs.ts'
import { onSeparator } from './separators.ts'
import { ENOUGH, closeName, createTextScan, type TextScan } from './state.ts'

/**
 * Hides the secrets in a text. When a label follows the value that it makes secret, the text is read once more with the
 * verdicts of the first pass: never more than twice, however deep objects nest.
 *
 * @param end Where to stop; a mark of an earlier cut may follow.
 * @param enough The least number of characters of output that is wanted. Marks are longer than some of what they
 * replace, so a small part of a hostile text may yield enough.
 */
export function scanText(text: string, end: number, names: NameBook, phrases: NameBook, enough: number): string {
  const scan = createTextScan(text, end, names, phrases, enough, undefined)
  const out = readText(scan)
  if (scan.found === undefined) return out
  return readText(createTextScan(text, end, names, phrases, enough, scan.found))
}

/**
 * Makes one pass from left to right. Each rule looks back a bounded way, or as far as the last rule that did, and
 * continues after what it consumed, so the whole pass is linear in the text.
 */
function readText(scan: TextScan): string {
  const { text, end } = scan
  let at = 0
  let before = 0
  while (at < end) {
    if (at >= scan.partFrom) {
      if (scan.partFrom !== ENOUGH) at = hidePart(scan, at)
      else if (mayEnd(scan)) return scan.out
    }
    const code = text.charCodeAt(at)
    const kind = classOf(code)
    if (kind === RUN) {
      at = readRun(scan, at, before)
      before = 0
      continue
    }
    switch (kind) {
      case SPACE:
      case CLOSER:
      case PLUS: // Forms write a space as `+`: `api+key`.
        at++
        break
      case SEPARATOR:
        at = onSeparator(scan, at, code, at + 1, 0)
        break
      case AT:
        at = closeName(scan, hideEmail(scan, at, 1))
        break
      case PERCENT: {
        const escape = readEscape(text, at)
        before = escape === 0 ? code : escapedCode(escape)
        at = onEscape(scan, at, escape)
        continue
      }
      case LESS: {
        const labelled = hideLabelledElement(scan, at)
        const next = labelled < 0 ? hideElement(scan, at) : labelled
        at = closeName(scan, next < 0 ? at + 1 : next)
        break
      }
      case OPENING_BRACKET:
        at = onBracket(scan, at)
        break
      case BRACE:
        onBrace(scan, at, code === 123, at + 1, 0)
        at = closeName(scan, at + 1)
        break
      case JOINER:
        at = scan.named ? onJoiner(scan, at, code, before) : at + 1
        break
      case AMPERSAND: {
        const entity = entityWidth(text, at)
        if (entity > 0) {
          // HTML writes a quote as an entity.
          at += entity
          before = 34
          continue
        }
        const next = hideEscapedElement(scan, at)
        at = closeName(scan, next < 0 ? at + 1 : next)
        break
      }
      default:
        // An operator may end in the separator: `TOKEN ?= …`, `token !== …`.
        at = scan.named && isOperator(code) && text.charCodeAt(at + 1) === 61 ? at + 1 : closeName(scan, at + 1)
    }
    before = code
  }
  if (scan.done === 0) return text
  return scan.out + text.slice(scan.done)
}

/** True for `?` and `!`, which may come between a name and its `=`. */
function isOperator(code: number): boolean {
  return code === 63 || code === 33
}

/** Skips a mark, or the index of a name in brackets; any other bracket ends a name. */
function onBracket(scan: TextScan, at: number): number {
  const mark = markWidth(scan.text, at)
  if (mark > 0) return closeName(scan, at + mark)
  const index = scan.named ? indexEnd(scan, at + 1, 0) : -1
  return index >= 0 ? index : closeName(scan, at + 1)
}

/** Ends a name, unless this character joins the name to its value in a path or a list. */
function onJoiner(scan: TextScan, at: number, code: number, before: number): number {
  let next = -1
  if (code === 47) next = hidePathSegment(scan, at, at + 1)
  else if (isQuote(before)) next = hideNextItem(scan, at)
  return closeName(scan, next < 0 ? at + 1 : next)
}

function onEscape(scan: TextScan, at: number, escape: number): number {
  if (escape === 0) return closeName(scan, at + 1)
  const code = escapedCode(escape)
  const next = at + escapedWidth(escape)
  const kind = classOf(code)
  if (kind === SEPARATOR) return onSeparator(scan, at, code, next, escapedLevel(escape))
  if (kind === AT) return closeName(scan, hideEmail(scan, at, escapedWidth(escape)))
  if (code === 123 || code === 125) onBrace(scan, at, code === 123, next, escapedLevel(escape))
  if (code === 47 && scan.named) {
    const behind = hidePathSegment(scan, at, next)
    return closeName(scan, behind < 0 ? next : behind)
  }
  const index = code === 91 && scan.named ? indexEnd(scan, next, escapedLevel(escape)) : -1
  if (index >= 0) return index
  // [ ] +
  if (kind !== SPACE && kind !== CLOSER && code !== 91 && code !== 93 && code !== 43) scan.named = false
  return next
}
