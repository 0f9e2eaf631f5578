import { expect, it } from 'vitest'
import type { Claims } from '../../database/claims.ts'
import type { Transaction } from '../../database/database.ts'
import { code, type TestedDatabase } from './database-schema.ts'

const ANN: Claims = { sub: 'aaaaaaaa-0000-4000-8000-000000000001', role: 'authenticated' }
const WHO = `select current_user::text as role, auth.jwt() ->> 'sub' as sub`
const SELF = { role: 'authenticated', sub: ANN.sub }

export function testAsService(tested: TestedDatabase): void {
  const who = async (tx: Transaction): Promise<unknown> => (await tx.query(WHO))[0]
  const texts = (): Promise<unknown[]> =>
    tested.database.asService((tx) => tx.query(`select text from notes where text like 'service %' order by text`))

  it('has the role of the service, and then the caller has its own again', async () => {
    await tested.database.transaction(ANN, async (tx) => {
      expect(await who(tx)).toEqual(SELF)
      const inner = await tx.asService(async (service) => {
        await service.query(`insert into notes values ('somebody', 'service one')`)
        return who(service)
      })
      expect(inner).toEqual({ role: 'service_role', sub: null })
      expect(await who(tx)).toEqual(SELF)
      expect(await tx.query(`select 1 from notes where text = 'service one'`)).toEqual([])
      await expect(tx.query('savepoint here').then(() => tx.query('delete from notes'))).rejects.toMatchObject(
        code('DATABASE_FORBIDDEN'),
      )
      await tx.query('rollback to savepoint here')
    })
    expect(await texts()).toEqual([{ text: 'service one' }])
  })

  it('sends nothing more once the transaction is over, though nobody awaited it', async () => {
    const heard: unknown[] = []
    let goOn = (): void => undefined
    let begun = (): void => undefined
    const begins = new Promise<void>((resolve) => (begun = resolve))
    const going = new Promise<void>((resolve) => (goOn = resolve))
    let inner: Promise<unknown> = Promise.resolve()
    const outer = tested.database.transaction(ANN, async (tx) => {
      inner = tx.asService(async (service) => {
        await service.query('select 1')
        begun()
        await going
        heard.push(
          await service.query(`insert into notes values ('somebody', 'service late')`).catch((e: unknown) => e),
        )
      })
      inner.catch(() => undefined)
      await begins
      throw new Error('the other call failed')
    })
    await expect(outer).rejects.toThrow('the other call failed')
    // Another transaction has the connection by now.
    await tested.database.transaction(ANN, async (tx) => {
      goOn()
      await expect(inner).rejects.toMatchObject(code('TRANSACTION_OVER'))
      expect(await who(tx)).toEqual(SELF)
    })
    expect(heard).toMatchObject([code('TRANSACTION_OVER')])
    expect(await texts()).not.toContainEqual({ text: 'service late' })
  })

  it('does not give its role away to work inside of it that nobody awaits', async () => {
    const ended = tested.database.transaction(ANN, async (tx) => {
      await tx.asService(async (service) => {
        service.asService((inner) => inner.query('select 1')).catch(() => undefined)
      })
    })
    await expect(ended).rejects.toMatchObject(code('TRANSACTION_BUSY'))
  })

  it('keeps nothing of a transaction that ends before it', async () => {
    const ended = tested.database.transaction(ANN, async (tx) => {
      tx.asService((service) => service.query(`insert into notes values ('somebody', 'service half')`)).catch(
        () => undefined,
      )
    })
    await expect(ended).rejects.toMatchObject(code('TRANSACTION_BUSY'))
    expect(await texts()).not.toContainEqual({ text: 'service half' })
  })

  it.each([
    ['throws', () => Promise.reject(new Error('no'))],
    ['throws nothing', () => Promise.reject(undefined)],
    ['sends a statement that fails', (tx: Transaction) => tx.query('select 1 / 0')],
    ['swallows the error of a statement', (tx: Transaction) => tx.query('select 1 / 0').catch(() => undefined)],
    [
      'leaves a savepoint behind and fails',
      async (tx: Transaction) => {
        await tx.query('savepoint theirs')
        await tx.query('select 1 / 0')
      },
    ],
  ])('is undone when it %s, and the caller can go on as itself', async (_, fail) => {
    await tested.database.transaction(ANN, async (tx) => {
      await expect(
        tx.asService(async (service) => {
          await service.query(`insert into notes values ('somebody', 'service undone')`)
          await fail(service)
        }),
      ).rejects.not.toBe('nothing')
      expect(await who(tx)).toEqual(SELF)
      // A savepoint of the work would give its role back to whoever rolls back to it.
      await tx.query('savepoint mine')
      await expect(tx.query('rollback to savepoint theirs')).rejects.toMatchObject(code('DRIVER_FAILED'))
      await tx.query('rollback to savepoint mine')
      expect(await who(tx)).toEqual(SELF)
    })
    expect(await texts()).not.toContainEqual({ text: 'service undone' })
  })

  it('keeps the caller’s transaction busy meanwhile, and is over afterwards', async () => {
    await tested.database.transaction(ANN, async (tx) => {
      let kept: Transaction | undefined
      await tx.asService(async (service) => {
        kept = service
        await expect(tx.query('select 1')).rejects.toMatchObject(code('TRANSACTION_BUSY'))
        await expect(tx.asService(async () => 'ran')).rejects.toMatchObject(code('TRANSACTION_BUSY'))
        expect(await service.asService((inner) => who(inner))).toMatchObject({ role: 'service_role' })
        expect(await who(service)).toMatchObject({ role: 'service_role' })
      })
      await expect(kept?.query('select 1')).rejects.toMatchObject(code('TRANSACTION_OVER'))
      await expect(kept?.asService(async () => 'ran')).rejects.toMatchObject(code('TRANSACTION_OVER'))
      expect(await who(tx)).toEqual(SELF)
    })
  })
}
