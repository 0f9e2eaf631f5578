'use client'

import { useCallback, useState } from 'react'
import type { Realtime } from '../create-realtime.ts'

interface Kept<State> {
  readonly client: () => Realtime
  readonly key: string
  readonly state: State
}

/**
 * State that belongs to what `key` names, on one client. Another key begins with `empty` in the very render in which it
 * comes, whatever the one before had, also when it comes back later. `first` is what the first render's key begins with.
 *
 * @returns The state, and a function that changes it: for the key of its render, and not once another has come.
 */
export function useKeyed<State>(
  client: () => Realtime,
  key: string,
  empty: State,
  first: State = empty,
): readonly [State, (change: (state: State) => State) => void] {
  const [kept, setKept] = useState<Kept<State>>({ client, key, state: first })
  const isOurs = kept.client === client && kept.key === key
  // React renders again with it before anybody sees this one.
  if (!isOurs) setKept({ client, key, state: empty })
  const change = useCallback(
    (next: (state: State) => State) =>
      setKept((now) => (now.client === client && now.key === key ? { client, key, state: next(now.state) } : now)),
    [client, key],
  )
  return [isOurs ? kept.state : empty, change]
}
