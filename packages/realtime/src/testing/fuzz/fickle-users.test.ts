import { beforeAll, expect, it } from 'vitest'
import { signTestToken } from '../tokens.ts'
import { runFickleUsers } from './fickle-users.ts'

const secret = 'a-secret-for-tests-that-is-long-enough-0123'
const seed = Number(process.env['MSC_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
/** MSC_RUNS=3000 makes a longer proof of it. */
const RUNS = Number(process.env['MSC_RUNS'] ?? 100)

// What is loaded late is there, or the clock of a run would go ahead of it.
beforeAll(() =>
  Promise.all([import('../../client/user.ts'), import('../../client/sending.ts'), import('../../feed/feed-code.ts')]),
)

it(
  'whoever comes and goes, each is told what is theirs, once, or that something is missing',
  { timeout: 600_000 },
  async () => {
    console.log(`MSC_SEED=${seed}`)
    const tokens = await Promise.all(['ana', 'bo'].map((sub) => signTestToken(secret, { sub, session_id: sub })))
    const broken: unknown[] = []
    for (let run = 0; run < RUNS && broken.length < 3; run++) {
      const found = await runFickleUsers(seed + run, tokens)
      if (found.length > 0) broken.push([`MSC_SEED=${seed + run} MSC_RUNS=1`, ...found])
    }
    expect(broken).toEqual([])
  },
)
