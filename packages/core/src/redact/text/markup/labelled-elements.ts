// XML elements, one of which names the next: `<key>password</key><string>…</string>` of a property list.
import { HARMLESS, SECRET_IN_QUERY } from '../../names/names.ts'
import { judgeSlice } from '../../names/name-book.ts'
import { REDACTED } from '../../marks.ts'
import { RUN, classOf, isWord } from '../chars.ts'
import { gapEnd } from '../lines.ts'
import { SECTION, sectionEnd, tagEnd } from './markup.ts'
import { hide, type TextScan } from '../state.ts'

const LABELS: readonly string[] = ['<key>', '<name>']
const LONGEST_NAME = 64
const LONGEST_GAP = 64

/**
 * Hides the content of the element after one that holds a secret name.
 *
 * @param at The position of the `<`.
 * @returns The position to continue at, or -1 when there is none.
 */
export function hideLabelledElement(scan: TextScan, at: number): number {
  const { text, end } = scan
  const first = text.charCodeAt(at + 1) | 32
  // k, n
  if (first !== 107 && first !== 110) return -1
  const label = LABELS.find((each) => text.slice(at, at + each.length).toLowerCase() === each)
  if (label === undefined) return -1
  const from = at + label.length
  const to = wordEnd(text, from, end)
  if (to === from || text.charCodeAt(to) !== 60 || text.charCodeAt(to + 1) !== 47) return -1
  const verdict = judgeSlice(scan.names, text, from, to)
  if (verdict === HARMLESS || verdict === SECRET_IN_QUERY) return -1
  const start = valueStart(text, to + label.length + 1, end)
  if (start < 0) return -1
  const stop = contentEnd(scan, start)
  return stop > start ? hide(scan, start, stop, REDACTED) : -1
}

function wordEnd(text: string, from: number, end: number): number {
  let to = from
  while (to < end && to - from < LONGEST_NAME && classOf(text.charCodeAt(to)) === RUN) to++
  return to
}

/** The most tags between a label and its text: `<value><string>` of XML-RPC, and a CDATA section. */
const MAX_TAGS = 4

/**
 * Returns where the text begins in the elements that follow, each of which has to hold a value; -1 when something else
 * follows.
 */
function valueStart(text: string, from: number, end: number): number {
  let at = from
  for (let i = 0; i < MAX_TAGS; i++) {
    const tag = gapEnd(text, at, Math.min(end, at + LONGEST_GAP))
    if (text.charCodeAt(tag) !== 60) return i === 0 ? -1 : at
    if (text.startsWith(SECTION, tag)) return i === 0 ? -1 : tag + SECTION.length
    const open = isValueTag(text, tag + 1, end) ? tagEnd(text, tag + 1, end) : -1
    if (open < 0) return -1
    at = open
  }
  return -1
}

/** Elements that hold a value. Others hold further facts about the object with that name: `<Key>token</Key><Size>`. */
const VALUE_TAGS: readonly string[] = ['string', 'data', 'text', 'int', 'integer', 'real']

function isValueTag(text: string, from: number, end: number): boolean {
  let start = from
  let to = wordEnd(text, from, end)
  if (text.charCodeAt(to) === 58) {
    start = to + 1
    to = wordEnd(text, start, end)
  }
  return isWord(text, Math.max(start, to - 5), to, 'value') || VALUE_TAGS.some((tag) => isWord(text, start, to, tag))
}

/** Returns the end of the text that begins after a tag or in a CDATA section; the end of a log that was cut. */
function contentEnd(scan: TextScan, from: number): number {
  const { text, end } = scan
  const close = text.charCodeAt(from - 1) === 91 ? sectionEnd(scan, from) : text.indexOf('<', from)
  return close < 0 || close > end ? end : close
}

/** The largest distance from the start of a tag to its attribute, in characters. */
const LONGEST_START = 64
/** Elements that carry settings. On any other, a name is meant for readers of the page or the document. */
const CARRIERS: ReadonlySet<string> = new Set([
  'add', 'arg', 'argument', 'attribute', 'constant', 'cookie', 'credential', 'data', 'entry', 'env', 'environment',
  'field', 'header', 'item', 'param', 'parameter', 'prop', 'property', 'secret', 'setting', 'str', 'string', 'textarea',
  'value', 'var', 'variable',
]) // prettier-ignore

/**
 * Remembers where the content begins in an element that an attribute names: `<param name="password">…</param>`.
 *
 * @param from The start of the attribute's name.
 * @param to The end of its value.
 * @returns True when the attribute is in a tag.
 */
export function rememberElement(scan: TextScan, from: number, to: number): boolean {
  const start = tagStart(scan.text, from)
  if (start < 0) return false
  const content = namedContent(scan, start, to)
  if (content >= 0) scan.partFrom = content
  return true
}

function namedContent({ text, end }: TextScan, start: number, to: number): number {
  const open = tagEnd(text, to, end)
  const close = open < 0 ? -1 : text.indexOf('<', open)
  if (close < 0) return -1
  const content = contentFrom(text, open, close, end)
  if (content < 0) return -1
  const name = text.slice(start, elementNameEnd(text, start, end))
  if (!CARRIERS.has(name.slice(name.indexOf(':') + 1).toLowerCase())) return -1
  // An element that another tag follows, instead of its own closing tag, holds other elements.
  return content !== open || text.startsWith(name, close + 2) ? content : -1
}

/** Returns the position after the tag, or after the tags inside it; -1 when neither text nor a value follows. */
function contentFrom(text: string, open: number, close: number, end: number): number {
  if (text.charCodeAt(close + 1) === 47) return close > open ? open : -1
  return text.startsWith(SECTION, open) ? open + SECTION.length : valueStart(text, open, end)
}

/** Returns the position after the `<` of the tag around an attribute; -1 when it is in none. */
function tagStart(text: string, from: number): number {
  for (let at = from - 1; at >= 0 && from - at < LONGEST_START; at--) {
    const code = text.charCodeAt(at)
    if (code === 60) return at + 1
    if (code === 62) return -1
  }
  return -1
}

function elementNameEnd(text: string, from: number, end: number): number {
  const to = wordEnd(text, from, end)
  return text.charCodeAt(to) === 58 ? wordEnd(text, to + 1, end) : to
}

/** Hides the content that begins at `from`. Returns the position to continue at. */
export function hideNamedElement(scan: TextScan, from: number): number {
  return hide(scan, from, contentEnd(scan, from), REDACTED)
}

/** True when the content of an element begins here, as opposed to a part of a multipart body. */
export function isContent(text: string, from: number): boolean {
  const before = text.charCodeAt(from - 1)
  return before === 62 || before === 91
}
