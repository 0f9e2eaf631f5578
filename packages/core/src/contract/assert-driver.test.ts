import { describe, expect, it } from 'vitest'
import { assertDriver, type DriverContract } from './assert-driver.ts'
import { assertMethods } from './options/assert-methods.ts'
import { driverShape } from './driver-shape.ts'
import type { DriverBase } from './driver.ts'

interface Store extends DriverBase {
  get(key: string): Promise<string | undefined>
  watch?(): () => void
  readonly locks?: { acquire(): Promise<string>; release(): Promise<void> }
  readonly capabilities: { readonly shared: boolean; readonly limits?: { readonly maxItems: number } }
}

const contract: DriverContract<Store> = {
  concern: 'cache',
  version: 1,
  methods: ['get'],
  optional: ['watch'],
  shape: driverShape({
    groups: { locks: ['acquire', 'release'] },
    fields: { 'capabilities.shared': 'boolean', 'capabilities.limits.maxItems?': 'positive' },
  }),
}
const driver = (rest: object = {}): unknown => ({
  specificationVersion: 1,
  name: 'shelf',
  capabilities: { shared: true },
  get: async () => undefined,
  health: async () => undefined,
  close: async () => undefined,
  ...rest,
})

const locks = { acquire: async () => 'token', release: async () => undefined }

describe('assertDriver', () => {
  it('accepts a driver that implements the contract, with and without the optional methods', () => {
    const plain = driver()
    expect(assertDriver(contract, plain)).toBe(plain)
    const rich = driver({ watch: () => () => undefined, locks })
    expect(assertDriver(contract, rich)).toBe(rich)
  })

  it('accepts a group of methods that is a class instance with other fields', () => {
    class Locks {
      readonly pool = { max: 10 }
      readonly self: Locks = this
      async acquire(): Promise<string> {
        return 'token'
      }
      async release(): Promise<void> {}
    }
    const rich = driver({ locks: new Locks() })
    expect(assertDriver(contract, rich)).toBe(rich)
  })

  it.each([
    [2, 'The driver does not implement version 1 of the contract, but version 2.'],
    [undefined, 'The driver does not implement version 1 of the contract, but version undefined.'],
    ['one', 'The driver does not implement version 1 of the contract, but version one.'],
  ])('refuses version %s and names both versions', (specificationVersion, message) => {
    expect(() => assertDriver(contract, driver({ specificationVersion }))).toThrow(
      expect.objectContaining({ code: 'DRIVER_VERSION', message: `[msc/cache] [shelf] ${message}` }),
    )
  })

  it('says what to update: the package for a newer driver, the driver for an older one', () => {
    const hintOf = (specificationVersion: number, version: number): string => {
      try {
        assertDriver({ ...contract, version }, driver({ specificationVersion }))
        return ''
      } catch (error) {
        return (error as { hint: string }).hint
      }
    }
    expect(hintOf(2, 1)).toContain('Update @msc/cache')
    expect(hintOf(1, 2)).toContain('Update the driver')
  })

  it('adapts a driver of an older version', async () => {
    interface OldStore {
      readonly name: string
      read(key: string): Promise<string | null>
      close(): Promise<void>
    }
    const old = { specificationVersion: 1, name: 'old-shelf', read: async () => 'kept', close: async () => undefined }
    const adapted = assertDriver<Store>(
      {
        ...contract,
        version: 2,
        adapters: new Map([
          [
            1,
            ({ name, read, close }: OldStore): Store => ({
              specificationVersion: 1,
              name,
              capabilities: { shared: false },
              get: async (key) => (await read(key)) ?? undefined,
              health: async () => undefined,
              close,
            }),
          ],
        ]),
      },
      old,
    )
    expect(adapted.name).toBe('old-shelf')
    expect(await adapted.get('a')).toBe('kept')
  })

  it.each([
    ['get', { get: undefined }, 'does not implement get.'],
    ['health and close', { health: undefined, close: 'yes' }, 'does not implement health, close.'],
    ['a name', { name: '' }, '[] The driver does not implement name.'],
    ['a function for an optional method', { watch: true }, 'does not implement watch.'],
    ['a name of more than spaces', { name: '  ' }, '[  ] The driver does not implement name.'],
    ['a name that is text', { name: 5 }, '[5] The driver does not implement name.'],
    ['a function for a method of a group', { locks: { ...locks, acquire: 1 } }, 'implement locks.acquire.'],
    ['the other half of a group', { locks: { acquire: locks.acquire } }, 'implement locks.release.'],
    ['an object for a group', { locks: () => locks }, 'does not implement locks.'],
    ['capabilities', { capabilities: undefined }, 'does not implement capabilities.shared.'],
    [
      'a boolean for a boolean capability',
      { capabilities: { shared: 'yes' } },
      'does not implement capabilities.shared.',
    ],
    [
      'a limit that is a number',
      { capabilities: { shared: true, limits: { maxItems: Number.NaN } } },
      'does not implement capabilities.limits.maxItems.',
    ],
  ])('refuses a driver without %s and names what is missing', (_what, rest, words) => {
    expect(() => assertDriver(contract, driver(rest))).toThrow(
      expect.objectContaining({ code: 'DRIVER_INVALID', message: expect.stringContaining(words) }),
    )
  })

  it.each([
    [undefined, 'CACHE_NO_DRIVER'],
    [null, 'CACHE_NO_DRIVER'],
    ['redis', 'DRIVER_VERSION'],
    [7, 'DRIVER_VERSION'],
    [() => undefined, 'DRIVER_VERSION'],
  ])('refuses %s', (nothing, code) => {
    expect(() => assertDriver(contract, nothing)).toThrow(expect.objectContaining({ code }))
  })
})

describe('assertMethods', () => {
  const claims = { claim: () => true, release: () => undefined }
  it('accepts an object, a class instance or a function that has the methods', () => {
    class Claims {
      claim(): void {}
      release(): void {}
    }
    for (const good of [claims, new Claims(), Object.assign(() => undefined, claims)]) {
      expect(() => assertMethods('cron', 'claims', good, ['claim', 'release'], ['watch'])).not.toThrow()
    }
  })

  const unreadable = {
    ...claims,
    get claim(): never {
      throw new Error('unreadable')
    },
  }
  it.each<[string, unknown, string]>([
    ['an empty object', {}, 'does not implement claim, release'],
    ['a method that is not a function', { ...claims, claim: 1 }, 'does not implement claim.'],
    ['an optional method that is not a function', { ...claims, watch: 1 }, 'does not implement watch'],
    ['a getter that throws', unreadable, 'implement claim.'],
    ['undefined', undefined, 'is missing'],
    ['null', null, 'is null'],
    ['a string', 'a store', 'is of type string'],
  ])('refuses %s and says what is missing', (_what, bad, words) => {
    expect(() => assertMethods('cron', 'claims', bad, ['claim', 'release'], ['watch'])).toThrow(
      expect.objectContaining({ name: 'ConfigError', code: 'OPTION_INVALID', message: expect.stringContaining(words) }),
    )
  })
})
