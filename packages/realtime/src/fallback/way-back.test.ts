import { createManualClock } from '@msc/core/testing'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Subscription, SubscriptionHandlers } from '../driver.ts'
import type { PhoenixSocket } from '../phoenix/phoenix-socket.ts'
import { tryAgain } from './way-back.ts'

/** A connection that is closed by hand. */
function createConnection(log: string[], name: string): PhoenixSocket {
  const ending = new AbortController()
  return {
    get open() {
      return !ending.signal.aborted
    },
    ended: ending.signal,
    waiting: { size: 0 },
    join: () => Promise.reject(new Error('not joined here')),
    leave() {
      log.push(`${name} left`)
      ending.abort()
    },
    close() {
      log.push(`${name} closed`)
      ending.abort()
    },
  }
}

describe('while a connection goes another way', () => {
  const clock = createManualClock(Date.now())
  let log: string[]
  let current: PhoenixSocket
  let answers: ((opened: boolean) => void)[]
  let between: PhoenixSocket | undefined
  let next: { -readonly [Key in keyof PhoenixSocket]: PhoenixSocket[Key] }
  beforeEach(() => {
    log = []
    answers = []
    current = createConnection(log, 'current')
    next = createConnection(log, 'next')
    next.waiting = { size: 1 }
    next.join = async (topic) => {
      log.push(`${topic} joined`)
      return {} as Subscription
    }
    tryAgain(
      current,
      clock,
      (onOpened) => {
        log.push('probe')
        answers.push(onOpened)
        return createConnection(log, 'probe')
      },
      () => next,
      (found) => {
        between = found
        log.push('found')
      },
    )
  })

  const join = async (signal = new AbortController().signal): Promise<unknown> =>
    between?.join('room', { private: false, token: undefined, self: false }, {} as SubscriptionHandlers, signal)

  it('the WebSocket is tried at once, and the topics go over when it opens', async () => {
    answers[0]?.(true)
    expect(log).toEqual(['probe', 'probe closed', 'found', 'current left', 'probe closed'])
    await join()
    expect(log.at(-1)).toBe('room joined')
  })

  it('it answers before they do, and stays until all is joined over the WebSocket, and no longer than that', async () => {
    const slow = Object.assign(current, { waiting: { size: 1 } })
    answers[0]?.(true)
    const joined = join()
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(log.at(-1)).toBe('probe closed')
    slow.waiting = { size: 0 }
    await joined
    expect(between?.open).toBe(false)
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(log).not.toContain('current closed')
    next.waiting = { size: 0 }
    await expect.poll(() => log).toContain('current closed')
  })

  it('it ends with the WebSocket that takes its place, and where nobody comes', async () => {
    answers[0]?.(true)
    await join()
    next.close()
    expect(log.slice(-2)).toEqual(['next closed', 'current closed'])
    const other = createConnection(log, 'other')
    tryAgain(
      other,
      clock,
      (onOpened) => (answers.push(onOpened), createConnection([], '')),
      () => next,
      (found) => (between = found),
    )
    answers.at(-1)?.(true)
    // Another user is here.
    await expect(join(AbortSignal.abort())).rejects.toThrow()
    await expect.poll(() => log.at(-1), { timeout: 3000 }).toBe('other closed')
  })

  it('is tried again ten minutes after each refusal', async () => {
    for (let round = 1; round <= 3; round++) {
      answers.at(-1)?.(false)
      await clock.advance(599_999)
      expect(answers).toHaveLength(round)
      await clock.advance(1)
      expect(answers).toHaveLength(round + 1)
    }
  })

  it('is tried no more when that connection ends, and what is under way ends with it', async () => {
    current.close()
    expect(log).toEqual(['probe', 'current closed', 'probe closed'])
    answers[0]?.(false)
    await clock.advance(1_200_000)
    answers[0]?.(true)
    expect(log.filter((each) => each === 'probe' || each === 'found')).toEqual(['probe'])
  })

  it('is tried no more when that connection ends between two tries', async () => {
    answers[0]?.(false)
    current.close()
    await clock.advance(1_200_000)
    expect(answers).toHaveLength(1)
  })
})
