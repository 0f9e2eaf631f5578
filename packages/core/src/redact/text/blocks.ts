// Values of several characters that nest: brackets inside text, and indented lines as YAML has them.

/** Where the bracket at `from` closes; the end of the text when it does not. Brackets in strings do not count. */
export function bracketEnd(text: string, from: number, end: number): number {
  let depth = 0
  let quoted = false
  let backslashes = 0
  // JSON inside a string escapes all of its quotes alike; one that has more backslashes is content.
  let outer = -1
  for (let i = from; i < end; i++) {
    const code = text.charCodeAt(i)
    if (code === 34) {
      if (outer < 0) outer = backslashes
      if (backslashes % (2 * (outer + 1)) === outer) quoted = !quoted
    }
    backslashes = code === 92 ? backslashes + 1 : 0
    if (quoted) continue
    // [ {
    if (code === 91 || code === 123) depth++
    // ] }
    else if ((code === 93 || code === 125) && --depth === 0) return i + 1
  }
  return end
}

/**
 * The lines after `newline` that are indented further than the line of the name, or are items of its list.
 *
 * @returns Without the indentation of the first one, or `undefined` when there are none.
 */
export function blockEnd(
  text: string,
  newline: number,
  end: number,
  nameFrom: number,
): { from: number; to: number } | undefined {
  if (text.charCodeAt(newline) !== 10) return undefined
  const outer = indentation(text, text.lastIndexOf('\n', Math.max(0, nameFrom - 1)) + 1, nameFrom)
  let from = -1
  let to = newline
  while (to < end && text.charCodeAt(to) === 10) {
    const start = to + 1
    const inner = indentation(text, start, end)
    const item = text.charCodeAt(start + inner) === 45 && text.charCodeAt(start + inner + 1) === 32
    if (inner <= outer && !(item && inner === outer)) break
    if (from < 0) from = start + inner + (item ? 2 : 0)
    const next = text.indexOf('\n', start)
    to = next < 0 || next > end ? end : next
  }
  return from < 0 ? undefined : { from, to }
}

function indentation(text: string, from: number, limit: number): number {
  let at = from
  while (at < limit && (text.charCodeAt(at) === 32 || text.charCodeAt(at) === 9)) at++
  return at - from
}
