import type { PostgresClient } from '@msc/core/postgres'
import type { TestDatabase } from './test-database.ts'

/** A database that announces nothing, whose answers can be kept waiting: what is written meanwhile is an outage to its reader. */
export interface QuietClient {
  readonly client: PostgresClient
  /** Statements wait from now on, until `answer`. Resolves when those that were asked before have their answers. */
  hold(): Promise<void>
  answer(): void
}

/** @param mode `polling`: it says that it announces nothing, as a transaction pooler does; `listening`: it does not. */
export function quietClient(db: TestDatabase, mode: 'polling' | 'listening' = 'polling'): QuietClient {
  let answering = Promise.resolve()
  let answer = (): void => {}
  const asking = new Set<Promise<unknown>>()
  const client = {
    async query(text: string, values?: unknown[]) {
      await answering
      const asked = db.query(text, values)
      asking.add(asked)
      return { rows: await asked.finally(() => asking.delete(asked)) }
    },
    async listen() {
      if (mode === 'polling') throw Object.assign(new Error('Nothing is announced here.'), { code: 'POSTGRES_UNHEARD' })
      return async () => {}
    },
  }
  return {
    client: client as unknown as PostgresClient,
    async hold() {
      answering = new Promise((resolve) => (answer = resolve))
      await Promise.allSettled(asking)
    },
    answer: () => answer(),
  }
}
