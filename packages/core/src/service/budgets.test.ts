import { describe, expect, it } from 'vitest'
import { createService } from './service.ts'

function setUp() {
  const budgets: unknown[] = []
  const { service } = createService({
    concern: 'analytics',
    driver: { name: 'local', health: async () => undefined, close: async () => undefined },
    budgetMs: 300,
    flush: async (budgetMs) => budgets.push(budgetMs),
    close: async (budgetMs) => budgets.push(budgetMs),
  })
  return { service, budgets }
}

describe('flush, close and health', () => {
  it.each([
    undefined,
    null,
    {},
    700,
    { timeoutMs: null },
    { timeoutMs: Number.NaN },
    { timeoutMs: -1 },
    { timeoutMs: '9' },
  ])('keep their default budgets when given %j', async (given) => {
    const { service, budgets } = setUp()
    expect(await service.health(given as never)).toMatchObject({ status: 'ready' })
    await service.flush(given as never)
    await service.close(given as never)
    expect(budgets).toEqual([300, 300])
  })

  it('accept any budget, including zero', async () => {
    const { service, budgets } = setUp()
    await service.flush({ timeoutMs: 70 })
    await service.close({ timeoutMs: 0 })
    expect(budgets).toEqual([70, 0])
  })
})
