import type { User } from '../client/user.ts'
import type { MessageMeta } from '../base/message.ts'
import type { Stamped } from '../base/stamp.ts'

/**
 * Is it of this client, by the id that it had on its way or by the server's? Whoever sends one on may have left the stamp in it, so
 * the author counts too.
 */
export function isOwn(user: User | undefined, event: string, payload: unknown, meta: MessageMeta | undefined): boolean {
  const { sent, identity = '' } = user ?? {}
  if (!sent || !meta) return false
  const { id } = Object((Object(payload) as Stamped)._msc) as { readonly id?: unknown }
  if (!sent.has(meta.id) && !sent.has(`${event} ${String(id)}`)) return false
  // As `identityOf` says who that is.
  return identity === '' ? meta.by === undefined : identity.startsWith(`[${JSON.stringify(meta.by ?? null)},`)
}
