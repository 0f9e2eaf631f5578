import type { MessageKind } from '../messages.ts'

/** All kinds of message; the type makes the compiler reject a missing one. */
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
