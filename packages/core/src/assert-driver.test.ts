import { describe, expect, it } from 'vitest'
import { assertDriver, type DriverContract } from './assert-driver.ts'
import type { DriverBase } from './driver.ts'

interface Store extends DriverBase {
  get(key: string): Promise<string | undefined>
  watch?(): () => void
  readonly locks?: { acquire(): Promise<string> }
}

const contract: DriverContract<Store> = {
  concern: 'cache',
  version: 1,
  methods: ['get'],
  optional: ['watch', 'locks'],
}
const driver = (rest: object = {}): unknown => ({
  specificationVersion: 1,
  name: 'shelf',
  get: async () => undefined,
  health: async () => undefined,
  close: async () => undefined,
  ...rest,
})

describe('assertDriver', () => {
  it('takes a driver that keeps the contract, with and without what is optional', () => {
    const plain = driver()
    expect(assertDriver(contract, plain)).toBe(plain)
    const rich = driver({ watch: () => () => undefined, locks: { acquire: async () => 'token' } })
    expect(assertDriver(contract, rich)).toBe(rich)
  })

  it.each([
    [2, 'The driver is written for version 2 of the contract; this package speaks version 1.'],
    [undefined, 'The driver is written for version undefined of the contract; this package speaks version 1.'],
    ['one', 'The driver is written for version one of the contract; this package speaks version 1.'],
  ])('refuses version %s, naming both', (specificationVersion, message) => {
    expect(() => assertDriver(contract, driver({ specificationVersion }))).toThrow(
      expect.objectContaining({ code: 'DRIVER_VERSION', message: `[msc/cache] [shelf] ${message}` }),
    )
  })

  it('says which way to go: update the package for a newer driver, the driver for an older one', () => {
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

  it('takes a driver of an older version through the adapter of that version', async () => {
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
    ['a name', { name: '' }, '[unnamed driver] The driver does not implement name.'],
    ['an optional method that is none', { watch: true }, 'does not implement watch.'],
    ['a group with a member that is no method', { locks: { acquire: 1 } }, 'does not implement locks.'],
  ])('refuses a driver without %s, in words', (_what, rest, words) => {
    expect(() => assertDriver(contract, driver(rest))).toThrow(
      expect.objectContaining({ code: 'DRIVER_INVALID', message: expect.stringContaining(words) }),
    )
  })

  it.each([undefined, null, 'redis', 7, () => undefined])('refuses %s', (nothing) => {
    expect(() => assertDriver(contract, nothing)).toThrow(expect.objectContaining({ code: 'DRIVER_VERSION' }))
  })
})
