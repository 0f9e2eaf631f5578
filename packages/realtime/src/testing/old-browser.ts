const iterator: object = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]())) as object

/** What browsers got after the oldest ones that are supported: Safari 15.4, Chrome 100, Firefox 100. */
export const LATER: readonly (readonly [name: string, owner: object, key: PropertyKey])[] = [
  ['AbortSignal.any', AbortSignal, 'any'],
  ['AbortSignal.timeout', AbortSignal, 'timeout'],
  ['URL.parse', URL, 'parse'],
  ['URL.canParse', URL, 'canParse'],
  ['Promise.withResolvers', Promise, 'withResolvers'],
  ['Promise.try', Promise, 'try'],
  ['Array.fromAsync', Array, 'fromAsync'],
  ['Array#toSorted', Array.prototype, 'toSorted'],
  ['Array#toReversed', Array.prototype, 'toReversed'],
  ['Array#toSpliced', Array.prototype, 'toSpliced'],
  ['Array#with', Array.prototype, 'with'],
  ['Array#findLast', Array.prototype, 'findLast'],
  ['Array#findLastIndex', Array.prototype, 'findLastIndex'],
  ['Object.groupBy', Object, 'groupBy'],
  ['Map.groupBy', Map, 'groupBy'],
  ['structuredClone', globalThis, 'structuredClone'],
  ['TextDecoderStream', globalThis, 'TextDecoderStream'],
  ['BroadcastChannel', globalThis, 'BroadcastChannel'],
  ['ReadableStream#asyncIterator', ReadableStream.prototype, Symbol.asyncIterator],
  ['Iterator', globalThis, 'Iterator'],
  ...['map', 'filter', 'take', 'drop', 'toArray', 'forEach', 'some', 'every', 'find', 'reduce', 'flatMap'].map(
    (key) => [`Iterator#${key}`, iterator, key] as const,
  ),
  ...['union', 'intersection', 'difference', 'symmetricDifference', 'isSubsetOf', 'isSupersetOf', 'isDisjointFrom'].map(
    (key) => [`Set#${key}`, Set.prototype, key] as const,
  ),
  ['String#isWellFormed', String.prototype, 'isWellFormed'],
  ['String#toWellFormed', String.prototype, 'toWellFormed'],
  ['Uint8Array#toBase64', Uint8Array.prototype, 'toBase64'],
  ['Uint8Array.fromBase64', Uint8Array, 'fromBase64'],
]

/** Code that a page loads, as a stack names it: this package but for its server and its tests, and the ground below it. */
const CLIENT =
  /\/(?:realtime\/src\/(?!server\/|testing\/|feed\/(?:source|relay|lanes|sql))|core\/src\/(?!testing\/))(?!\S*\.test\.)/

/**
 * Takes from the code of a page what an old browser has not, and from nobody else: the server and the tests of this process go
 * on with all of it. Returns a function that gives it back.
 */
export function becomeOldBrowser(): () => void {
  const restore: (() => void)[] = []
  for (const [, owner, key] of LATER) {
    const descriptor = Object.getOwnPropertyDescriptor(owner, key)
    if (!descriptor) continue
    Object.defineProperty(owner, key, {
      configurable: true,
      get(this: unknown) {
        return isClient() ? undefined : (descriptor.value ?? descriptor.get?.call(this))
      },
      set(value) {
        Object.defineProperty(this, key, { configurable: true, writable: true, value })
      },
    })
    restore.push(() => Object.defineProperty(owner, key, descriptor))
  }
  return () => {
    for (const each of restore) each()
  }
}

/** Who asked: the first frame that is not of this file. */
function isClient(): boolean {
  const frames = (new Error().stack ?? '').split('\n').slice(1)
  return CLIENT.test(frames.find((frame) => !frame.includes('/testing/old-browser')) ?? '')
}
