import { createManualClock } from '@msc/core/testing'
import { beforeEach, describe, expect, it } from 'vitest'
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
    join: () => Promise.reject(new Error('not joined here')),
    close(spreadMs) {
      log.push(`${name} closed${spreadMs === undefined ? '' : `, spread ${spreadMs}`}`)
      ending.abort()
    },
  }
}

describe('while a connection goes another way', () => {
  const clock = createManualClock(Date.now())
  let log: string[]
  let current: PhoenixSocket
  let answers: ((opened: boolean) => void)[]
  beforeEach(() => {
    log = []
    answers = []
    current = createConnection(log, 'current')
    tryAgain(
      current,
      clock,
      (onOpened) => {
        log.push('probe')
        answers.push(onOpened)
        return createConnection(log, 'probe')
      },
      () => log.push('found'),
    )
  })

  it('the WebSocket is tried at once, and the topics go over when it opens', () => {
    answers[0]?.(true)
    expect(log).toEqual(['probe', 'probe closed', 'found', 'current closed, spread 0', 'probe closed'])
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
