import type { ErrorValue } from './driver.ts'

/**
 * What an issue is: the error's type, its message without what varies, and the function that threw. Line numbers stay
 * out of it, so that a deployment does not make every issue new.
 *
 * @returns 16 hex digits.
 */
export function fingerprintOf(error: ErrorValue): string {
  return hash(`${error.name}\n${withoutVariables(error.message)}\n${thrower(error.stack)}`)
}

/** Ids, numbers, quoted parts and addresses as placeholders. */
export function withoutVariables(message: string): string {
  return message
    .slice(0, 500)
    .replace(/\b[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\b/gi, '<id>')
    .replace(/\b[a-z][\w+.-]*:\/\/\S+/gi, '<url>')
    .replace(/(["'`“])[^"'`”]{1,200}(["'`”])/g, '$1<text>$2')
    .replace(/\b(?=[\da-f]*\d)[\da-f]{8,}\b/gi, '<id>')
    .replace(/\d+/g, '<n>')
}

function thrower(stack: string | undefined): string {
  const frame = stack?.split('\n').find((line) => /^\s*at |@/.test(line) && !line.includes('node:internal'))
  if (!frame) return ''
  // The file without its folders and hash, and no position.
  const [, name = ''] = /^\s*at (?:async )?([^\s(]+) \(/.exec(frame) ?? []
  const [, file = ''] = /([^/\\()\s]+?)(?::\d+)*\)?$/.exec(frame) ?? []
  return `${name} ${name ? '' : file.replace(/[-.][\w-]{8,}(?=\.)/, '')}`
}

/** cyrb53 (public domain, https://github.com/bryc/code): synchronous, good spread, not for secrets. */
function hash(text: string): string {
  let a = 0xdeadbeef
  let b = 0x41c6ce57
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    a = Math.imul(a ^ code, 2654435761)
    b = Math.imul(b ^ code, 1597334677)
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909)
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909)
  return (b >>> 0).toString(16).padStart(8, '0') + (a >>> 0).toString(16).padStart(8, '0')
}
