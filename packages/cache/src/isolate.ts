/** A value that everybody may be given. */
export interface Shared {
  /** Frozen to its depth; meaningless where there is a `text`. */
  readonly value: unknown
  /** Where the value can't be frozen: what each reader decodes a copy of its own from. */
  readonly text: string | undefined
  /** Roughly, in memory. */
  readonly bytes: number
}

const MAX_DEPTH = 50
/** References that are repeated are walked again each time; the codec keeps them as references. */
const MAX_NODES = 1_000_000
const NOT_PLAIN = Symbol('not plain')

export interface Isolated extends Shared {
  /** Does JSON give it back as it was? */
  readonly json: boolean
}

interface Found {
  bytes: number
  nodes: number
  json: boolean
}

/**
 * Plain data (primitives, arrays, plain objects) frozen, so that one caller can't change what another gets. Much
 * cheaper than encoding and decoding, which stays the way for the rest: Date, Map, Set, typed arrays, cycles.
 *
 * @param owned Is the value ours, so that it may be frozen itself? Otherwise a copy is.
 * @returns `undefined` where the value holds more than plain data.
 */
export function isolate(value: unknown, owned = false): Isolated | undefined {
  const found: Found = { bytes: 0, nodes: 0, json: true }
  const frozen = freeze(value, 0, found, owned)
  return frozen === NOT_PLAIN ? undefined : { value: frozen, text: undefined, bytes: found.bytes, json: found.json }
}

/** A copy of frozen plain data that its receiver may change. */
export function thaw(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(thaw)
  const copy: Record<string, unknown> = Object.getPrototypeOf(value) === null ? bare() : {}
  for (const key of Object.keys(value)) copy[key] = thaw((value as Record<string, unknown>)[key])
  return copy
}

function freeze(value: unknown, depth: number, found: Found, owned: boolean): unknown {
  found.bytes += 8
  found.nodes += 1
  if (typeof value === 'string') {
    found.bytes += value.length * 2
    return value
  }
  if (typeof value !== 'object' || value === null) {
    if (typeof value === 'function' || typeof value === 'symbol') return NOT_PLAIN
    if (value === undefined || typeof value === 'bigint') found.json = false
    else if (typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0))) found.json = false
    return value
  }
  if (depth > MAX_DEPTH || found.nodes > MAX_NODES) return NOT_PLAIN
  if (Array.isArray(value)) return freezeArray(value as unknown[], depth, found, owned)
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return NOT_PLAIN
  if (prototype === null) found.json = false
  const source = value as Record<string, unknown>
  if (owned) {
    // Faster than `Object.keys`; what an enumerable prototype would add is frozen already, or harms nobody.
    for (const key in source) {
      if (freeze(source[key], depth + 1, found, true) === NOT_PLAIN) return NOT_PLAIN
      found.bytes += key.length * 2
    }
    return Object.freeze(source)
  }
  const copy = prototype === null ? bare() : {}
  for (const key of Object.keys(source)) {
    // An assignment to it would set the prototype.
    if (key === '__proto__') return NOT_PLAIN
    const child = freeze(source[key], depth + 1, found, false)
    if (child === NOT_PLAIN) return NOT_PLAIN
    found.bytes += key.length * 2
    copy[key] = child
  }
  return Object.freeze(copy)
}

function freezeArray(value: unknown[], depth: number, found: Found, owned: boolean): unknown {
  const copy: unknown[] = owned ? value : []
  for (let i = 0; i < value.length; i++) {
    // Holes are not undefined; the codec knows them.
    if (!(i in value)) return NOT_PLAIN
    const child = freeze(value[i], depth + 1, found, owned)
    if (child === NOT_PLAIN) return NOT_PLAIN
    if (!owned) copy.push(child)
  }
  return Object.freeze(copy)
}

function bare(): Record<string, unknown> {
  return Object.create(null) as Record<string, unknown>
}
