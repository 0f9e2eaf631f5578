import type { MessageKind } from '../messages.ts'

/** Every kind of message there is; the compiler misses none. */
const KINDS: Readonly<Record<MessageKind, true>> = {
  track: true,
  identify: true,
  alias: true,
  group: true,
  page: true,
  exposure: true,
  ai: true,
}

export const ALL_KINDS: readonly MessageKind[] = Object.keys(KINDS) as MessageKind[]
