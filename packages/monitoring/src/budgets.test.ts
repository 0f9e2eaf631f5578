import { configureRedaction, createScope } from '@msc/core'
import { afterEach, describe, expect, it } from 'vitest'
import { createEventCleaner } from './event/event-cleaner.ts'
import { MAX_BREADCRUMBS_BYTES, keepWithin } from './event/keep-within.ts'
import { readUser } from './event/read-user.ts'
import type { Breadcrumb } from './signals.ts'

afterEach(() => configureRedaction({}))

describe('the budget for the user and tags', () => {
  it('is never larger than its own limit or the limit of the process for one call', () => {
    const { identity } = createEventCleaner()
    const user = { id: '7', name: 'long name '.repeat(300), bio: 'long text '.repeat(900) }
    expect(JSON.stringify(readUser(user, identity)).length).toBeGreaterThan(10_000)
    configureRedaction({ maxChars: 200 })
    expect(JSON.stringify(readUser(user, identity)).length).toBeLessThan(400)
    configureRedaction({ maxChars: 1_000_000, maxString: 1_000_000 })
    const large = { id: '7', bio: 'long text '.repeat(50_000) }
    expect(JSON.stringify(readUser(large, identity)).length).toBeLessThan(21_000)
  })
})

describe('the breadcrumbs of a unit of work', () => {
  const crumb = (message: string, characters = 0): Breadcrumb => ({
    timestamp: 1,
    category: 'test',
    message,
    level: 'info',
    ...(characters > 0 && { data: { body: 'x'.repeat(characters) } }),
  })

  it('share a budget: the oldest are dropped, and small ones stay', () => {
    const scope = createScope()
    for (let n = 0; n < 60; n++) keepWithin(scope, crumb(`${n}`, 9000), 100)
    expect(JSON.stringify(scope.breadcrumbs).length).toBeLessThanOrEqual(MAX_BREADCRUMBS_BYTES + 100)
    expect(scope.breadcrumbs.length).toBeGreaterThan(15)
    expect(scope.breadcrumbs.at(-1)?.message).toBe('59')
    // A nested unit starts with these, and its budget includes them.
    const inner = { ...scope, breadcrumbs: [...scope.breadcrumbs] }
    for (let n = 60; n < 80; n++) keepWithin(inner, crumb(`${n}`, 9000), 100)
    expect(JSON.stringify(inner.breadcrumbs).length).toBeLessThanOrEqual(MAX_BREADCRUMBS_BYTES + 100)
  })

  it('reach the maximum number if they are small', () => {
    const scope = createScope()
    for (let n = 0; n < 500; n++) keepWithin(scope, crumb(`${n}`), 100)
    expect(scope.breadcrumbs.map(({ message }) => message)).toEqual(Array.from({ length: 100 }, (_, n) => `${n + 400}`))
  })

  it('lose their data if a single one is too large, and say that it was cut', () => {
    const scope = createScope()
    keepWithin(scope, crumb('before'), 100)
    keepWithin(scope, crumb('large', MAX_BREADCRUMBS_BYTES), 100)
    expect(scope.breadcrumbs.map(({ message, data }) => [message, data])).toEqual([
      ['before', undefined],
      ['large', { '…': '[cut]' }],
    ])
  })
})
