import { DriverError, sleep } from '@msc/core'
import type { CacheCoordination } from '../coordination.ts'
import type { CacheDriver } from '../driver.ts'

/** Shares of calls, each 0 … 1, that go wrong in a way. What is left goes through. */
export interface ChaosOptions {
  /** Fails at once, before the store has heard of it. */
  readonly refuse?: number
  /** Fails after the store has done it: the caller can't know. */
  readonly loseAnswer?: number
  /** Never answers; ends with the caller's signal. */
  readonly silence?: number
  /** A read answers something that nobody wrote. */
  readonly garbage?: number
  /** Milliseconds that a call takes longer, at most. */
  readonly delayMs?: number
  /** Uniform in [0, 1); print its seed. */
  readonly random: () => number
}

export interface ChaosDriver extends CacheDriver {
  /** From here on; `undefined` for none. */
  setChaos(options: ChaosOptions | undefined): void
  /** Calls that were interfered with. */
  readonly faults: number
}

const GARBAGE = ['', '{', '2x', '2[1]\n', '2[99999999999999,0]\n1[cut', '3[99999999999999,0]\nAAAA', '\ufffd\0']

/** A driver whose store is slow, silent, refusing, or lying. */
export function chaos(driver: CacheDriver, options?: ChaosOptions): ChaosDriver {
  const { coordination } = driver
  let current = options
  let faults = 0

  const disturb = async <T>(signal: AbortSignal, run: () => T | Promise<T>, lie?: () => T): Promise<T> => {
    if (!current) return run()
    const { refuse = 0, loseAnswer = 0, silence = 0, garbage = 0, delayMs = 0, random } = current
    let dice = random()
    const hit = (share: number): boolean => {
      const is = dice >= 0 && dice < share
      dice -= share
      if (is) faults += 1
      return is
    }
    if (delayMs > 0) await sleep(random() * delayMs, { signal })
    if (hit(refuse)) throw new DriverError('chaos', 'Refused.', { retryable: true })
    if (hit(silence)) {
      return new Promise<T>((_resolve, reject) => {
        const onAbort = (): void => reject(signal.reason as Error)
        if (signal.aborted) onAbort()
        else signal.addEventListener('abort', onAbort, { once: true })
      })
    }
    if (hit(loseAnswer)) {
      await run()
      throw new DriverError('chaos', 'The answer was lost.', { retryable: true })
    }
    if (lie && hit(garbage)) return lie()
    return run()
  }
  const nonsense = (): string => GARBAGE[Math.floor((current?.random() ?? 0) * GARBAGE.length)] as string

  return {
    ...driver,
    get faults() {
      return faults
    },
    setChaos(next) {
      current = next
    },
    get: (key, signal) => disturb<string | undefined>(signal, () => driver.get(key, signal), nonsense),
    set: (key, value, ttlMs, signal) => disturb<void>(signal, () => driver.set(key, value, ttlMs, signal)),
    delete: (keys, signal) => disturb<number>(signal, () => driver.delete(keys, signal)),
    increment: (key, by, ttlMs, signal) => disturb(signal, () => driver.increment(key, by, ttlMs, signal)),
    scan: (pattern, cursor, signal) => disturb(signal, () => driver.scan(pattern, cursor, signal)),
    health: (signal) => disturb(signal, () => driver.health(signal)),
    ...(driver.getMany && {
      getMany: (keys: readonly string[], signal: AbortSignal) =>
        disturb<readonly (string | undefined)[]>(
          signal,
          () => driver.getMany?.(keys, signal) ?? [],
          () => keys.map(nonsense),
        ),
    }),
    ...(driver.setMany && {
      setMany: (entries: Parameters<NonNullable<CacheDriver['setMany']>>[0], signal: AbortSignal) =>
        disturb<void>(signal, () => driver.setMany?.(entries, signal)),
    }),
    ...(coordination && {
      coordination: {
        ...coordination,
        acquire: (claim, leaseMs, signal) => disturb(signal, () => coordination.acquire(claim, leaseMs, signal)),
        renew: (claim, leaseMs, signal) => disturb(signal, () => coordination.renew(claim, leaseMs, signal)),
        commit: (claim, value, ttlMs, signal) =>
          disturb(signal, () => coordination.commit(claim, value, ttlMs, signal)),
        release: (claim, failedMs, signal) => disturb(signal, () => coordination.release(claim, failedMs, signal)),
        append: (log, append, signal) => disturb(signal, () => coordination.append(log, append, signal)),
        readSince: (log, position, signal) => disturb(signal, () => coordination.readSince(log, position, signal)),
        readAt: (log, keys, signal) =>
          disturb<Awaited<ReturnType<CacheCoordination['readAt']>>>(
            signal,
            () => coordination.readAt(log, keys, signal),
            () => ({ position: nonsense(), values: keys.map(nonsense) }),
          ),
        commitSince: (log, position, entries, signal) =>
          disturb(signal, () => coordination.commitSince(log, position, entries, signal)),
        consume: (rules, cost, signal) => disturb(signal, () => coordination.consume(rules, cost, signal)),
      } satisfies CacheCoordination,
    }),
  }
}
