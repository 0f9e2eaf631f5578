import { describe, expect, it } from 'vitest'
import type { CacheCoordination, LogAppend, LogRecord } from '../../coordination.ts'
import { failureOf, withCoordination, type Suite } from './setup.ts'

export function testLog(suite: Suite): void {
  const { key, signal } = suite
  const log = (): string => key('log')
  const record = (message: string, rest: Partial<LogAppend> = {}): LogAppend => ({
    message,
    keepRecords: 100,
    keepMs: 60_000,
    ...rest,
  })
  const endOf = async (store: CacheCoordination): Promise<string> =>
    (await store.readSince(log(), undefined, signal)).position
  const entry = (name: string, value = name) => ({ key: key(name), value, ttlMs: 60_000 })

  describe('the log', () => {
    it(
      'begins to be read at its end',
      withCoordination(suite, async ({ one, other }) => {
        const before = await one.readSince(log(), undefined, signal)
        expect(before.records).toEqual([])
        await other.append(log(), record('first'), signal)
        expect((await one.readSince(log(), undefined, signal)).records).toEqual([])
        // Whoever came before there was a log has missed nothing either.
        const page = await one.readSince(log(), before.position, signal)
        expect(page.records).toEqual([{ message: 'first', keys: [] }])
        expect(await one.readSince(log(), page.position, signal)).toEqual({ position: page.position, records: [] })
      }),
    )

    it(
      'gives back what was appended, the oldest first, with the keys that changed',
      withCoordination(suite, async ({ one, other }) => {
        const from = await endOf(one)
        const odd = '["quoted", 🎵 \u0000]\nline'
        await other.append(log(), record(odd, { set: [entry('a'), entry('ü"b')], delete: [key('c')] }), signal)
        await one.append(log(), record('', { prefix: key('list:'), revoke: [key('lease')] }), signal)
        expect((await one.readSince(log(), from, signal)).records).toEqual([
          { message: odd, keys: [key('a'), key('ü"b'), key('c')] },
          { message: '', keys: [] },
        ])
      }),
    )

    it(
      'makes the changes of a record with it, and counts what it deletes',
      withCoordination(suite, async ({ driver, one, other, pass }) => {
        const claim = { key: key('a'), lease: key('lease:a'), token: 'a token' }
        await driver.set(key('b'), 'old', 60_000, signal)
        await one.acquire(claim, 60_000, signal)
        const set = [entry('a', 'new'), { ...entry('brief'), ttlMs: 150 }]
        const removed = [key('b'), key('absent')]
        expect(await other.append(log(), record('m', { set, delete: removed, revoke: [claim.lease] }), signal)).toBe(1)
        const found = await one.readAt(log(), ['a', 'b', 'brief'].map(key), signal)
        expect(found.values).toEqual(['new', undefined, 'brief'])
        expect(await one.commit(claim, 'overtaken', 60_000, signal)).toBe(false)
        await pass(250)
        expect(await driver.get(key('brief'), signal)).toBeUndefined()
        expect(await driver.get(key('a'), signal)).toBe('new')
      }),
    )

    it(
      'never has a reader pass a record that appears later, and shows all readers one order',
      withCoordination(suite, async ({ one, other }) => {
        const total = 60
        const follow = async (store: CacheCoordination, from: string): Promise<string[]> => {
          const seen: string[] = []
          let position = from
          // An append that has not returned yet may be read late, but must not be missed.
          for (let looks = 0; seen.length < total && looks < 5000; looks++) {
            const page = await store.readSince(log(), position, signal)
            position = page.position
            seen.push(...(page.records as readonly LogRecord[]).map(({ message }) => message))
          }
          return seen
        }
        const from = await endOf(one)
        const writing = Array.from({ length: total }, async (_, i) =>
          (i % 2 === 0 ? one : other).append(log(), record(`m${i}`), signal),
        )
        const [seen, alike] = await Promise.all([follow(one, from), follow(other, from), ...writing])
        expect(alike).toEqual(seen)
        expect([...(seen as string[])].sort()).toEqual(Array.from({ length: total }, (_, i) => `m${i}`).sort())
      }),
    )

    it(
      'says gap for a position whose records it no longer has, and reads on from there',
      withCoordination(suite, async ({ one, other }) => {
        const brief = { keepRecords: 3 }
        await one.append(log(), record('0', brief), signal)
        const pruned = await endOf(one)
        await one.append(log(), record('1', brief), signal)
        const kept = await endOf(one)
        for (const message of ['2', '3', '4']) await other.append(log(), record(message, brief), signal)
        const page = await one.readSince(log(), pruned, signal)
        expect(page.records).toBe('gap')
        expect((await one.readSince(log(), kept, signal)).records).toEqual(
          ['2', '3', '4'].map((message) => ({ message, keys: [] })),
        )
        await other.append(log(), record('5', brief), signal)
        expect((await one.readSince(log(), page.position, signal)).records).toEqual([{ message: '5', keys: [] }])
      }),
    )

    it.each(['not a position', '-1', '99999999999999999999'])(
      'says gap for a position it never had: %s',
      async (made) =>
        withCoordination(suite, async ({ one }) => {
          await one.append(log(), record('m'), signal)
          expect((await one.readSince(log(), made, signal)).records).toBe('gap')
          expect(await one.commitSince(log(), made, [entry('k')], signal)).toEqual([false])
        })(),
    )

    it(
      'loses nothing unsaid when a log has expired and another begins',
      withCoordination(suite, async ({ one, pass }) => {
        const before = await endOf(one)
        await one.append(log(), record('lost', { keepMs: 150 }), signal)
        const after = await endOf(one)
        await pass(250)
        await one.append(log(), record('new'), signal)
        expect((await one.readSince(log(), before, signal)).records).toBe('gap')
        const { records } = await one.readSince(log(), after, signal)
        if (records !== 'gap') expect(records).toEqual([{ message: 'new', keys: [] }])
      }),
    )

    it(
      'writes of a batch what no later record has touched, with a receipt for each entry',
      withCoordination(suite, async ({ driver, one, other }) => {
        await driver.set(key('kept'), 'old', 60_000, signal)
        const { position, values } = await one.readAt(log(), [key('kept'), key('absent')], signal)
        expect(values).toEqual(['old', undefined])
        await other.append(log(), record('a', { set: [entry('written', 'newer')] }), signal)
        await other.append(log(), record('b', { delete: [key('deleted')] }), signal)
        await other.append(log(), record('c', { prefix: key('list:') }), signal)
        await other.append(log(), record('d', { set: [entry('unrelated')] }), signal)
        const names = ['kept', 'written', 'deleted', 'list:1', 'list', 'unread']
        const batch = names.map((name) => entry(name, `batch ${name}`))
        expect(await one.commitSince(log(), position, batch, signal)).toEqual([true, false, false, false, true, true])
        const after = await one.readAt(log(), names.map(key), signal)
        expect(after.values).toEqual(['batch kept', 'newer', undefined, undefined, 'batch list', 'batch unread'])
        // Nothing has happened since: everything is written.
        expect(await one.commitSince(log(), after.position, batch, signal)).toEqual(names.map(() => true))
      }),
    )

    it(
      'writes nothing of a batch when too much has happened to tell',
      withCoordination(suite, async ({ driver, one }) => {
        await one.append(log(), record('0', { keepRecords: 2 }), signal)
        const { position } = await one.readAt(log(), [], signal)
        for (const message of ['1', '2', '3']) await one.append(log(), record(message, { keepRecords: 2 }), signal)
        expect(await one.commitSince(log(), position, [entry('a'), entry('b')], signal)).toEqual([false, false])
        expect(await driver.get(key('a'), signal)).toBeUndefined()
      }),
    )

    it(
      'tells who listens that something was appended, until it is ended',
      withCoordination(suite, async ({ one, other, pass }) => {
        if (!one.listen) return
        const heard: number[] = []
        const stop = one.listen(log(), () => heard.push(heard.length))
        for (let i = 0; i < 100 && heard.length < 3; i++) {
          await other.append(log(), record(`m${i}`), signal)
          await pass(20)
        }
        expect(heard.length).toBeGreaterThan(2)
        await stop()
        const before = heard.length
        await other.append(log(), record('unheard'), signal)
        await pass(50)
        expect(heard.length).toBe(before)
      }),
    )

    it(
      'does nothing for a call that was given up before it began',
      withCoordination(suite, async ({ driver, one }) => {
        const gone = AbortSignal.abort(new Error('given up'))
        const from = await endOf(one)
        for (const call of [
          () => one.append(log(), record('m', { set: [entry('a')] }), gone),
          () => one.commitSince(log(), from, [entry('a')], gone),
          () => one.readSince(log(), from, gone),
          () => one.readAt(log(), [key('a')], gone),
        ]) {
          expect(String(await failureOf(call))).toBe('Error: given up')
        }
        expect(await driver.get(key('a'), signal)).toBeUndefined()
        expect((await one.readSince(log(), from, signal)).records).toEqual([])
      }),
    )
  })
}
