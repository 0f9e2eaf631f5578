import { describe, expect, it } from 'vitest'
import { nextDelivery, requestTime, waitWithin, type Moment } from './timing.ts'

describe('when to deliver', () => {
  const moment = (more: Partial<Moment>): Moment => ({
    now: 1000,
    readyAt: 0,
    dueAt: 1200,
    retryAt: 0,
    heldUntil: 0,
    ...more,
  })
  it.each([
    ['waits for other items', {}, 1200],
    ['waits out the backoff', { retryAt: 5000 }, 5000],
    ['obeys the pause that the backend asked for', { heldUntil: 9000, retryAt: 5000 }, 9000],
    ['waits for a limit', { readyAt: 7000 }, 7000],
    ['has nothing to do', { readyAt: undefined }, 'never'],
    ['does not wait for other items within a budget', { budget: { until: 2000, closing: false } }, 0],
    ['waits within a budget', { retryAt: 1100, budget: { until: 2000, closing: false } }, 1100],
    ['obeys a pause that fits the budget', { heldUntil: 1900, budget: { until: 2000, closing: false } }, 1900],
    [
      'ends a flush that the requested pause outlasts',
      { heldUntil: 1901, budget: { until: 2000, closing: false } },
      'never',
    ],
    ['tries anyway during a close', { heldUntil: 9000, retryAt: 1100, budget: { until: 2000, closing: true } }, 1100],
    ['gives up when a limit outlasts the budget', { readyAt: 2000, budget: { until: 2000, closing: true } }, 'never'],
    ['gives up when the budget is over', { budget: { until: 1001, closing: true } }, 'never'],
  ] as const)('%s', (_, more, at) => {
    expect(nextDelivery(moment(more as Partial<Moment>))).toBe(at)
  })
  it('leaves time for another try', () => {
    expect(requestTime(5000, 4000, 0)).toBe(3000)
    expect(requestTime(5000, 4000, 1)).toBe(2000)
    expect(requestTime(100, 4000, 0)).toBe(100)
    expect(waitWithin(30_000, 4000)).toBe(1000)
    expect(waitWithin(30, Infinity)).toBe(30)
  })
})
