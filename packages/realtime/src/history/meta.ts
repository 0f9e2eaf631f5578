import type { MessageMeta } from '../base/message.ts'

/** What a server said of a message, as the application sees it; `undefined` for what is something else. */
export function metaOf(raw: unknown): MessageMeta | undefined {
  const { id, at, by, cursor } = Object(raw) as Readonly<Record<string, unknown>>
  if (typeof id !== 'string') return undefined
  return {
    id,
    at: typeof at === 'string' ? at : new Date().toISOString(),
    ...(typeof by === 'string' && { by }),
    ...(typeof cursor === 'string' && { position: cursor }),
  }
}
