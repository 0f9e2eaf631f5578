import { parseJson } from '@msc/core/http-request'

/**
 * Objects and lists inside each other that a frame or a body of a stranger may have. `JSON.parse` takes thousands that
 * `JSON.stringify` can't write again, so a value that is accepted must have fewer by far.
 */
export const MAX_DEPTH = 64

/** @throws SyntaxError for what is no JSON, or nested deeper than `MAX_DEPTH`; `isTooDeep` tells which. */
export const parseBounded = (text: string): unknown => parseJson(text, MAX_DEPTH)

/** No message of V8's parser begins like this, whatever text it quotes. */
export const isTooDeep = (error: unknown): boolean =>
  error instanceof SyntaxError && error.message.startsWith('JSON nested deeper')
