import { createManualClock } from '@msc/core/testing'
import { expect, it } from 'vitest'
import { fakeStorage } from '../testing/fake-page.ts'
import { createConsent } from './consent.ts'
import { createVisitor, type Visitor } from './visitor.ts'

/** Returns pseudo-random numbers below `n`, the same for each seed. */
function numbers(seed: number): (n: number) => number {
  let state = (seed * 2654435761) >>> 0
  return (n) => {
    state = (state * 1664525 + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * n)
  }
}

/**
 * Plays tabs that open, view, sign in and out, and sleep while others act.
 *
 * @returns the violation, if there was one.
 */
function play(seed: number): string | undefined {
  const next = numbers(seed)
  const clock = createManualClock()
  const storage = fakeStorage()
  const open = (): Visitor => createVisitor({ clock, consent: createConsent(() => true, storage), storage })
  const tabs = [open()]
  const log: string[] = []
  let signedIn = false
  for (let step = 0; step < 20; step++) {
    const tab = next(tabs.length)
    const visitor = tabs[tab] as Visitor
    const act = next(6)
    if (act <= 1) {
      const known = visitor.subject(clock.now()).distinctId
      log.push(`${tab} looks as ${known}`)
      if (known !== undefined && !signedIn) return log.join(', ')
    } else if (act === 2) {
      visitor.become('alice', clock.now())
      visitor.merged('alice')
      signedIn = true
      log.push(`${tab} signs in`)
    } else if (act === 3) {
      const clears = next(2) === 0
      visitor.forget()
      if (clears) storage.clear()
      signedIn = false
      log.push(`${tab} signs out${clears ? ' and clears' : ''}`)
    } else if (act === 4) {
      tabs.push(open())
      log.push('another opens')
    } else {
      visitor.follow()
      log.push(`${tab} wakes`)
    }
  }
  return undefined
}

function shared() {
  const clock = createManualClock()
  const storage = fakeStorage()
  const open = (): Visitor => createVisitor({ clock, consent: createConsent(() => true, storage), storage })
  return { clock, storage, open }
}

it('never brings back an anonymous id that was merged into a person while a tab slept', () => {
  const { clock, storage, open } = shared()
  const sleeping = open()
  const merged = sleeping.subject(clock.now()).anonymousId
  const tab = open()
  expect(tab.become('alice', clock.now())).toMatchObject({ anonymousId: merged })
  tab.merged('alice')
  storage.clear()
  tab.follow()
  expect(sleeping.subject(clock.now()).anonymousId).not.toBe(merged)
  expect(open().become('bob', clock.now())).not.toMatchObject({ anonymousId: merged })
})

it('stores nobody for flags alone after the visitor was removed from storage', () => {
  const { clock, storage, open } = shared()
  const tab = open()
  tab.become('alice', clock.now())
  storage.clear()
  tab.follow()
  const { anonymousId } = tab.subject(clock.now(), false)
  expect([typeof anonymousId, storage.length]).toEqual(['string', 0])
  expect(tab.subject(clock.now()).anonymousId).toBe(anonymousId)
  expect(storage.length).toBe(1)
})

it('is anonymous in every tab once one has signed out, whether storage was cleared or not', () => {
  for (let seed = 1; seed <= 5000; seed++) expect([seed, play(seed)]).toEqual([seed, undefined])
})
