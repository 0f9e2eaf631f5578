import type { Reactions } from './types.ts'
import type { MessageMeta } from '../base/message.ts'

/** What a server said of a message, as the application sees it; `undefined` for what is something else. */
export function metaOf(raw: unknown): MessageMeta | undefined {
  const { id, at, by, cursor, version, editedAt, reactions } = Object(raw) as Readonly<Record<string, unknown>>
  if (typeof id !== 'string') return undefined
  return {
    id,
    at: typeof at === 'string' ? at : new Date().toISOString(),
    ...(typeof by === 'string' && { by }),
    ...(typeof cursor === 'string' && { position: cursor }),
    ...(typeof version === 'string' && { version }),
    ...(typeof editedAt === 'string' && { editedAt }),
    ...(typeof reactions === 'object' && reactions !== null && { reactions: reactions as Reactions }),
  }
}

/** Has the message been deleted? Then there is no payload. */
export const isDeleted = (raw: unknown): boolean => (Object(raw) as { readonly deleted?: unknown }).deleted === true

/** As `unstamped` does, which a page has loaded already and which would be split if it were imported here. */
export function withoutStamp(raw: unknown): unknown {
  if ({}.toString.call(raw) !== '[object Object]') return raw
  const { _msc, ...payload } = raw as Readonly<Record<string, unknown>>
  return payload
}
