import { createBreaker, setErrorReporter } from '@msc/core'
import { createManualClock } from '@msc/core/testing'
import { expect, it } from 'vitest'
import { refund } from './refund.ts'

it('ends with its time where the bank is silent, whatever is done about the abort', async () => {
  const clock = createManualClock()
  // What every engine has, and asks for guarded signals with.
  createBreaker({ name: 'test', clock })
  const told: string[] = []
  const restore = setErrorReporter((error, { operation }) => void told.push(`${operation}: ${error.message}`))
  const keys: string[] = []
  const silent = (...[, { key, signal }]: [unknown, { readonly key: string; readonly signal: AbortSignal }]) => {
    keys.push(key)
    signal.addEventListener('abort', () => {
      throw new Error('no socket to destroy')
    })
    return new Promise<never>(() => undefined)
  }
  const refunded = refund({ refund: silent }, { id: 'c1', amount: 9.5 }, { clock })
  const late = expect(refunded).rejects.toMatchObject({ name: 'DeadlineError' })
  await clock.advance(30_000)
  await late
  restore()
  expect(keys).toEqual(['refund:c1'])
  expect(told).toEqual(['refund: no socket to destroy'])
})
