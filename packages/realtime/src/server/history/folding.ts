import type { MessageState, MessageActionName, Reactions, SaidOfAction } from '../../history/types.ts'
import { MAX_ACTIONS, MAX_NAMES, type ActionOutcome } from './store.ts'

/** Users of a reaction that are named. */
const NAMED = 20

/** What has become of a message that is kept in memory. */
export interface Folded {
  /** The payload of now. */
  json: string
  version?: string
  editedAt?: string
  deleted?: true
  /** By name and user, also what was taken back: of two servers the later word counts. */
  readonly reactions: Map<string, Map<string, { readonly version: string; readonly isThere: boolean }>>
  actions: number
}

export const unfolded = (json: string): Folded => ({ json, reactions: new Map(), actions: 0 })

interface Wish {
  readonly action: MessageActionName
  /** JSON. */
  readonly value: string
  readonly by?: string | undefined
}

/** What would come of an action now. */
export function outcomeOf(message: Folded | undefined, { action, value, by = '' }: Wish): ActionOutcome {
  if (!message || message.deleted) return 'unknown'
  const { reactions, actions } = message
  if (action === 'react' || action === 'unreact') {
    const name = JSON.parse(value) as string
    const isThere = reactions.get(name)?.get(by)?.isThere === true
    if (isThere === (action === 'react')) return 'same'
    if (action === 'react' && !isUsed(message, name)) {
      const used = [...reactions.keys()].filter((each) => isUsed(message, each))
      if (used.length >= MAX_NAMES) return 'full'
    }
  }
  return actions >= MAX_ACTIONS && (action === 'update' || action === 'react') ? 'full' : 'kept'
}

const isUsed = ({ reactions }: Folded, name: string): boolean =>
  [...(reactions.get(name)?.values() ?? [])].some(({ isThere }) => isThere)

/** Does it to the message. False where something later was done already. */
export function fold(message: Folded, { action, version, at, by = '' }: SaidOfAction, value: string): boolean {
  if (message.deleted) return false
  if (action === 'delete') {
    message.deleted = true
    message.json = 'null'
    message.version = version
    message.reactions.clear()
  } else if (action === 'update') {
    if (message.version !== undefined && message.version >= version) return false
    message.json = value
    message.version = version
    message.editedAt = at
  } else {
    const name = JSON.parse(value) as string
    const users = message.reactions.get(name) ?? new Map<string, { version: string; isThere: boolean }>()
    const last = users.get(by)
    if (last && last.version >= version) return false
    message.reactions.set(name, users)
    // The latest last.
    users.delete(by)
    users.set(by, { version, isThere: action === 'react' })
  }
  message.actions += 1
  return true
}

/** How long it is as readers are told it, about. */
export function lengthOf({ json, reactions }: Folded): number {
  let sum = json.length
  for (const [name, users] of reactions) {
    sum += name.length
    let named = 0
    for (const user of users.keys()) if ((named += 1) <= NAMED) sum += user.length + 3
  }
  return sum
}

/** As readers are told it. */
export function stateOf({ version, editedAt, deleted, reactions }: Folded): MessageState {
  if (deleted) return { version, deleted }
  const all: [string, Reactions[string]][] = []
  for (const [name, users] of reactions) {
    const there = [...users].filter(([, { isThere }]) => isThere)
    // In one order on all servers.
    const by = there.toSorted(([, a], [, b]) => (a.version < b.version ? -1 : 1)).map(([user]) => user)
    if (by.length > 0) all.push([name, { total: by.length, by: by.slice(0, NAMED) }])
  }
  all.sort(([a], [b]) => (a < b ? -1 : 1))
  return {
    ...(version !== undefined && { version, editedAt }),
    ...(all.length > 0 && { reactions: Object.fromEntries(all) }),
  }
}
