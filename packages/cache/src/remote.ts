import type { CacheDriver } from './driver.ts'
import { parseEntry, type Entry } from './entry.ts'
import type { Guard } from './guarded-driver.ts'
import type { Keyspace } from './scripts.ts'

/** The stamp of each tag; empty for one that was never invalidated. */
export type Stamps = Readonly<Record<string, string>>

/** What a look into the store found. */
export interface Found {
  readonly entry: Entry | undefined
  /** The stamps that the tags have now; what is loaded from here on carries them. */
  readonly stamps: Stamps
}

export interface FoundMany {
  readonly entries: readonly (Entry | undefined)[]
  readonly stamps: Stamps
  /** How many invalidations there had been before. */
  readonly sequence: string
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

export const NO_STAMPS: Stamps = {}

export function createRemote(driver: CacheDriver, guard: Guard, keys: Keyspace): Remote {
  const getMany = async (names: readonly string[]): Promise<readonly (string | undefined)[]> => {
    if (driver.getMany) return guard.call('getMany', (signal) => driver.getMany?.(names, signal) ?? [])
    return Promise.all(names.map((name) => guard.call('get', (signal) => driver.get(name, signal))))
  }

  const stampsOf = async (tags: readonly string[]): Promise<Stamps> =>
    tags.length === 0 ? NO_STAMPS : toStamps(tags, await getMany(tags.map(keys.tag)))

  /** An entry lives as long as every tag has the stamp it had when the entry's load began. */
  const alive = async (entry: Entry | undefined, stamps: Stamps): Promise<Entry | undefined> => {
    if (!entry) return undefined
    const own = Object.keys(entry.tags)
    if (own.length === 0) return entry
    const unknown = own.filter((tag) => stamps[tag] === undefined)
    const all = unknown.length === 0 ? stamps : { ...stamps, ...(await stampsOf(unknown)) }
    return own.every((tag) => all[tag] === entry.tags[tag]) ? entry : undefined
  }

  const judge = async (stored: string | undefined, stamps: Stamps): Promise<Entry | undefined> =>
    stored === undefined ? undefined : alive(await parseEntry(stored), stamps)

  return {
    judge,
    stampsOf,
    async find(key, tags) {
      if (tags.length === 0) {
        const stored = await guard.call('get', (signal) => driver.get(keys.value(key), signal))
        if (stored === undefined) return { entry: undefined, stamps: NO_STAMPS }
        const parsed = parseEntry(stored)
        const entry = parsed instanceof Promise ? await parsed : parsed
        return { entry: entry && (isEmpty(entry.tags) ? entry : await alive(entry, NO_STAMPS)), stamps: NO_STAMPS }
      }
      // One round trip for the value and the stamps it has to be held against.
      const [stored, ...found] = await getMany([keys.value(key), ...tags.map(keys.tag)])
      const stamps = toStamps(tags, found)
      return { entry: await judge(stored, stamps), stamps }
    },
    async findMany(names, tags) {
      const answers = await getMany([keys.sequence, ...tags.map(keys.tag), ...names.map(keys.value)])
      const stamps = toStamps(tags, answers.slice(1))
      const entries = await Promise.all(answers.slice(1 + tags.length).map((stored) => judge(stored, stamps)))
      return { entries, stamps, sequence: answers[0] ?? '0' }
    },
  }
}

function toStamps(tags: readonly string[], found: readonly (string | undefined)[]): Stamps {
  return Object.fromEntries(tags.map((tag, index) => [tag, found[index] ?? '']))
}

function isEmpty(tags: Stamps): boolean {
  for (const _ in tags) return false
  return true
}
