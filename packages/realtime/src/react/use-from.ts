'use client'

import { useCallback, useRef } from 'react'
import type { Realtime } from '../create-realtime.ts'

/** `isMissing`: the subscription before was live, and nobody knows what came since. */
type Begin = readonly [from: string | undefined, isMissing?: boolean]

/**
 * Where each subscription of a component begins: the first one where the server rendered it, a further one of the same `key`
 * where the one before has put down that it was. With another key or client there is nothing to go on from, also when the first
 * comes back. StrictMode's second effect is the first subscription still: it puts down what it was given.
 *
 * @returns A function for the effect, which answers where to begin, and one with which the effect's end puts down the next.
 */
export function useFrom(
  client: () => Realtime,
  key: string,
  first: string | undefined,
): readonly [begin: () => Begin, end: (...next: Begin) => void] {
  const next = useRef<readonly [client: () => Realtime, key: string, ...Begin]>([client, key, first])
  const end = useCallback((...begin: Begin): void => void (next.current = [client, key, ...begin]), [client, key])
  const begin = useCallback((): Begin => {
    const [its, itsKey, ...from] = next.current
    if (its === client && itsKey === key) return from
    end(undefined)
    return [undefined]
  }, [client, key, end])
  return [begin, end]
}
