import type { CacheCoordination } from '../../coordination.ts'
import type { CacheDriver } from '../../driver.ts'

export interface CacheDriverSetup {
  readonly driver: CacheDriver
  /** A second connection to the same backend; absent for a driver that is not shared. */
  readonly second?: CacheDriver
  /** Lets `ms` pass for the backend: a manual clock's `advance`, or a real wait. */
  readonly pass: (ms: number) => Promise<void>
  readonly close: () => Promise<void>
}

/** What a part of the suite is given. */
export interface Suite {
  /** There once the tests run. */
  readonly setup: () => CacheDriverSetup
  /** A key of this test's own. */
  readonly key: (rest: string) => string
  /** Never aborts. */
  readonly signal: AbortSignal
}

/** All keys that match, sorted. */
export async function scanAll(driver: CacheDriver, pattern: string, signal: AbortSignal): Promise<string[]> {
  const keys = new Set<string>()
  let cursor: string | undefined
  do {
    const page = await driver.scan(pattern, cursor, signal)
    for (const found of page.keys) keys.add(found)
    cursor = page.cursor
  } while (cursor !== undefined)
  return [...keys].sort()
}

interface Coordinated extends CacheDriverSetup {
  readonly one: CacheCoordination
  /** The same store over the second connection. */
  readonly other: CacheCoordination
}

/** A test of `coordination`; passes for a driver that has none. */
export const withCoordination =
  ({ setup }: Suite, run: (coordinated: Coordinated) => Promise<void>) =>
  async (): Promise<void> => {
    const { coordination: one } = setup().driver
    if (one) await run({ ...setup(), one, other: setup().second?.coordination ?? one })
  }

/** What a call throws, or `undefined` when it throws nothing. */
export async function failureOf(call: () => unknown): Promise<unknown> {
  try {
    await call()
    return undefined
  } catch (error) {
    return error
  }
}
