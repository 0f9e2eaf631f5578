/** Deeper than what people or programs send to be read: SDKs cut at 10, and most schemas have less than 20 levels. */
const MAX_DEPTH = 128

/**
 * `JSON.parse` for text of strangers. It refuses text that is nested deeper than `maxDepth` before anything is built of it:
 * a quarter of a megabyte of brackets would cost `JSON.parse` a hundred times what other text of that size does, and whoever
 * walks the value afterwards the stack.
 *
 * @param maxDepth Objects and lists inside each other, at least 1. Default 128.
 * @throws SyntaxError for what is no JSON, what is no text, and what is nested too deeply; RangeError for a
 *   `maxDepth` that is no whole number of at least 1.
 */
export function parseJson(text: string, maxDepth: number = MAX_DEPTH): unknown {
  // No ConfigError, whose class would be most of what a page loads for this.
  if (!(Number.isInteger(maxDepth) && maxDepth >= 1)) throw new RangeError('`maxDepth` must be >= 1')
  if (typeof text !== 'string') throw new SyntaxError('JSON is text')
  if (isDeeper(text, maxDepth)) throw new SyntaxError(`JSON nested deeper than ${maxDepth} levels`)
  return JSON.parse(text) as unknown
}

/** For text that is no JSON any answer will do, since it is not parsed either way. */
function isDeeper(text: string, most: number): boolean {
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case 0x22: // "
        at = endOfString(text, at)
        break
      case 0x5b: // [
      case 0x7b: // {
        depth += 1
        if (depth > most) return true
        break
      case 0x5d: // ]
      case 0x7d: // }
        depth -= 1
        break
    }
  }
  return false
}

/** Returns the place of the quotation mark that ends the string which begins at `start`; the end of the text without one. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let backslashes = 0
    while (text.charCodeAt(end - 1 - backslashes) === 0x5c) backslashes += 1
    if (backslashes % 2 === 0) return end
  }
  return text.length
}
