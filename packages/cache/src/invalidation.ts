import { DriverError, emit, randomHex, telemetryEnabled } from '@msc/core'
import { isGlob, unescapeGlob } from './glob.ts'
import { keyName } from './keys.ts'
import type { Invalidation } from './messages.ts'
import type { Parts } from './parts.ts'
import { MAX_TAGGED_MS } from './plan.ts'
import { assertTag } from './refuse.ts'

export interface Invalidations {
  /** @throws when the store is away. */
  invalidate(keyOrPattern: string): Promise<number>
  /** @throws when the store is away. */
  invalidateTag(tag: string): Promise<void>
}

/** A page of a scan looks at hundreds of keys; who answers more pages than this never ends. */
const MAX_PAGES = 1_000_000
const STAMP_MS = MAX_TAGGED_MS + 86_400_000

export function createInvalidation(parts: Parts): Invalidations {
  const { driver, guard, keys, clock, remote, log, stats, forget } = parts

  const remove = async (stored: readonly string[]): Promise<number> =>
    guard.call('delete', (signal) => driver.delete(stored, signal))

  const removeMatching = async (pattern: string): Promise<number> => {
    let count = 0
    let cursor: string | undefined
    const seen = new Set<string | undefined>()
    // A walk that comes by the same place again goes round in circles.
    while (seen.size < MAX_PAGES && !seen.has(cursor)) {
      const at = cursor
      seen.add(at)
      const found = await guard.call('scan', (signal) => driver.scan(pattern, at, signal))
      if (found.keys.length > 0) count += await remove(found.keys)
      cursor = found.cursor
      if (cursor === undefined) return count
    }
    throw new DriverError(driver.name, 'SCAN does not end.', {
      code: 'DRIVER_NOT_THE_BACKEND',
      retryable: true,
    })
  }

  const dropKey = async (name: string): Promise<number> => {
    const value = keys.value(name)
    if (!log) return remove([value])
    return log.append({ keys: [name] }, { delete: [value], revoke: [keys.lock(name)] })
  }

  const dropMatching = async (pattern: string): Promise<number> => {
    const announce = (): Promise<unknown> | undefined => log?.append({ pattern })
    // The leases and the log before the values: what began earlier and is written from now on is refused, and what was
    // written until now is found. Then the log again: a process that has read it may have read an old value since.
    if (log) await removeMatching(keys.lock(pattern))
    await announce()
    const count = await removeMatching(keys.value(pattern))
    await announce()
    return count
  }

  /** In this process before, and again after: what was read or begun meanwhile. */
  const everywhere = async <T>(
    what: Invalidation,
    run: () => Promise<T>,
  ): Promise<{ near: number; far?: T | undefined }> => {
    const near = forget(what)
    if (!remote) {
      guard.assertOpen('delete')
      return { near }
    }
    try {
      return { near, far: await run() }
    } finally {
      forget(what)
    }
  }

  const report = async (pattern: string, run: () => Promise<number>): Promise<number> => {
    const started = clock.monotonic()
    let outcome: 'ok' | 'error' = 'error'
    let count = 0
    try {
      count = await run()
      outcome = 'ok'
      return count
    } catch (error) {
      stats.errors += 1
      throw error
    } finally {
      if (telemetryEnabled()) emit('cache.delete', { pattern, count, outcome }, started)
    }
  }

  return {
    invalidate: (keyOrPattern) =>
      report(keyOrPattern, async () => {
        if (isGlob(keyOrPattern)) {
          const { near, far } = await everywhere({ pattern: keyOrPattern }, () => dropMatching(keyOrPattern))
          return far ?? near
        }
        const name = keyName(unescapeGlob(keyOrPattern))
        const { near, far } = await everywhere({ keys: [name] }, () => dropKey(name))
        return far ?? near
      }),
    async invalidateTag(tag) {
      assertTag(tag)
      await report(`#${tag}`, async () => {
        const { near } = await everywhere({ tag }, async () => {
          const stamp = randomHex(8)
          if (log) await log.append({ tag }, { set: [{ key: keys.tag(tag), value: stamp, ttlMs: STAMP_MS }] })
          else await guard.call('set', (signal) => driver.set(keys.tag(tag), stamp, STAMP_MS, signal))
        })
        return near
      })
    },
  }
}
