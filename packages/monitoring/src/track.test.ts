import { describe, expect, it } from 'vitest'
import { trackErrors } from './track.ts'

function tracking<T>(make: () => T) {
  const heard: string[] = []
  const run = trackErrors((error) => heard.push((error as Error).message), make)
  return { run, heard }
}

/* oxlint-disable unicorn/no-thenable -- what builders of queries are */

describe('what a tracked function returns', () => {
  it.each([
    ['a frozen thenable', () => Object.freeze({ then: (ok: (value: string) => void) => ok('rows') }), 'rows'],
    [
      'a frozen thenable that rejects',
      () => Object.freeze({ then: (_ok: unknown, no: (error: Error) => void) => no(new Error('the application’s')) }),
      'the application’s',
    ],
  ])('is %s, which settles as without us', async (_what, make, expected) => {
    const result = make()
    const { run } = tracking(() => result)
    expect(run()).toBe(result)
    const settled = await (result as PromiseLike<string>).then(
      (value) => value,
      (error: Error) => error.message,
    )
    expect(settled).toBe(expected)
  })

  it('may be a frozen async iterator', async () => {
    const { run } = tracking(() =>
      Object.freeze({
        [Symbol.asyncIterator]() {
          return this
        },
        next: async () => ({ done: true as const, value: 1 }),
      }),
    )
    const seen: unknown[] = []
    for await (const each of run()) seen.push(each)
    expect(seen).toEqual([])
  })

  it('keeps its identity and its private members, and is heard all the same', async () => {
    class Query {
      #sql = 'select 1'
      static textOf(query: Query): string {
        return query.#sql
      }
      then(_ok: unknown, no?: (error: Error) => void): void {
        no?.(new Error(`${this.#sql} failed`))
      }
    }
    const query = new Query()
    const { run, heard } = tracking(() => query)
    expect(run()).toBe(query)
    expect(Query.textOf(run())).toBe('select 1')
    expect(Object.keys(query)).toEqual([])
    await expect(Promise.resolve(query as unknown as Promise<never>)).rejects.toThrow('select 1 failed')
    // Returned twice, heard once.
    expect(heard).toEqual(['select 1 failed'])
  })

  it('may be hostile: a revoked proxy, a `then` that throws, a promise with a `then` of its own', () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    const throwing = {
      get then(): never {
        throw new Error('then')
      },
    }
    const lazy = Object.assign(Promise.resolve(1), {
      then: () => {
        throw new Error('started')
      },
    })
    for (const result of [proxy, throwing, lazy]) expect(tracking(() => result).run() === result).toBe(true)
  })
})
