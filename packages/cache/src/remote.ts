import type { CacheDriver } from './driver.ts'
import type { GuardedCoordination } from './guarded-coordination.ts'
import { parseEntry, type Entry } from './entry.ts'
import type { Guard } from './guarded-driver.ts'
import type { Keyspace } from './keyspace.ts'
import { NEVER, NO_STAMPS, type Stamps } from './stamps.ts'

/** What a look into the store found. */
interface Found {
  readonly entry: Entry | undefined
  /** The stamps that the tags have now; what is loaded from here on carries them. */
  readonly stamps: Stamps
}

export interface FoundMany {
  readonly entries: readonly (Entry | undefined)[]
  readonly stamps: Stamps
  /** Where the log of invalidations ended before; `undefined` where the store has none. */
  readonly position: string | undefined
}

export interface Remote {
  /** @throws when the store is away. */
  find(key: string, tags: readonly string[]): Promise<Found>
  /** @throws when the store is away. */
  findMany(keys: readonly string[], tags: readonly string[]): Promise<FoundMany>
  /** The stored text as an entry, where its tags have not been invalidated since. @throws when the store is away. */
  judge(stored: string | undefined, stamps: Stamps): Promise<Entry | undefined>
  /** @throws when the store is away. */
  stampsOf(tags: readonly string[]): Promise<Stamps>
}

interface ReadAt {
  readonly position: string | undefined
  readonly values: readonly (string | undefined)[]
}

const NOTHING: Found = { entry: undefined, stamps: NO_STAMPS }

export function createRemote(
  driver: CacheDriver,
  guard: Guard,
  keys: Keyspace,
  coordination: GuardedCoordination | undefined,
): Remote {
  const getMany = async (names: readonly string[]): Promise<readonly (string | undefined)[]> => {
    if (driver.getMany) return guard.call('getMany', (signal) => driver.getMany?.(names, signal) ?? [])
    return Promise.all(names.map((name) => guard.call('get', (signal) => driver.get(name, signal))))
  }

  const readAt = async (stored: readonly string[]): Promise<ReadAt> =>
    coordination ? coordination.readAt(keys.log, stored) : { position: undefined, values: await getMany(stored) }

  const stampsOf = async (tags: readonly string[]): Promise<Stamps> =>
    tags.length === 0 ? NO_STAMPS : toStamps(tags, await getMany(tags.map(keys.tag)))

  /** An entry lives as long as every tag has the stamp it had when the entry's load began. */
  const alive = async (entry: Entry | undefined, stamps: Stamps): Promise<Entry | undefined> => {
    if (!entry) return undefined
    if (entry.tags.size === 0) return entry
    const unknown = [...entry.tags.keys()].filter((tag) => !stamps.has(tag))
    const all = unknown.length === 0 ? stamps : new Map([...stamps, ...(await stampsOf(unknown))])
    return [...entry.tags].every(([tag, stamp]) => all.get(tag) === stamp) ? entry : undefined
  }

  const judge = async (stored: string | undefined, stamps: Stamps): Promise<Entry | undefined> =>
    stored === undefined ? undefined : alive(await parseEntry(stored), stamps)

  const findTagged = async (key: string, tags: readonly string[]): Promise<Found> => {
    // One round trip for the value and the stamps it has to be held against.
    const [stored, ...found] = await getMany([keys.value(key), ...tags.map(keys.tag)])
    const stamps = toStamps(tags, found)
    return { entry: await judge(stored, stamps), stamps }
  }

  return {
    judge,
    stampsOf,
    find(key, tags) {
      if (tags.length > 0) return findTagged(key, tags)
      return Promise.resolve(guard.call('get', (signal) => driver.get(keys.value(key), signal))).then((stored) => {
        if (stored === undefined) return NOTHING
        const parsed = parseEntry(stored)
        if (!(parsed instanceof Promise) && (!parsed || parsed.tags.size === 0))
          return { entry: parsed, stamps: NO_STAMPS }
        return Promise.resolve(parsed).then(async (entry) => ({
          entry: await alive(entry, NO_STAMPS),
          stamps: NO_STAMPS,
        }))
      })
    },
    async findMany(names, tags) {
      const wanted = [...tags.map(keys.tag), ...names.map(keys.value)]
      const { position, values } = await readAt(wanted)
      const stamps = toStamps(tags, values)
      const entries = await Promise.all(values.slice(tags.length).map((stored) => judge(stored, stamps)))
      return { entries, stamps, position }
    },
  }
}

function toStamps(tags: readonly string[], found: readonly (string | undefined)[]): Stamps {
  return new Map(tags.map((tag, index) => [tag, found[index] ?? NEVER]))
}
