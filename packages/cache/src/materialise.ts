import { decode } from './codec.ts'
import { thaw, type Shared } from './isolate.ts'

/** What a caller is given: the frozen value that all share, or a copy of its own where it can't be frozen. */
export function materialise(shared: Shared | undefined): unknown {
  if (shared === undefined) return undefined
  if (shared.text === undefined) return shared.value
  const decoded = decode(shared.text)
  return decoded.ok ? decoded.value : undefined
}

/** What a caller is given that wants to change it. */
export function materialiseCopy(shared: Shared | undefined): unknown {
  return shared?.text === undefined ? thaw(shared?.value) : materialise(shared)
}
