import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe } from 'vitest'
import { sqliteStore } from './stores/sqlite.ts'
import { crashMatrix } from './testing/crash-matrix.ts'

describe('killed workers over sqlite', () => {
  crashMatrix(100, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'msc-crash-'))
    const path = join(folder, 'jobs.db')
    const store = sqliteStore({ path })
    return {
      at: { sqlite: path },
      store,
      async close() {
        await store.close()
        rmSync(folder, { recursive: true, force: true })
      },
    }
  })
})
