import {
  ConfigError,
  UnavailableError,
  assertMethods,
  assertNumbers,
  createService,
  durationOption,
  every,
  systemClock,
  toError,
} from '@msc/core'
import { problem } from '@msc/core/http-request'
import { createAsk, isOutage, lacksMigration } from '../outage.ts'
import { sha256 } from '../sha256.ts'
import {
  claimRequest,
  deleteExpiredRequests,
  recordRequest,
  releaseRequest,
  renewRequest,
  type Claim,
} from './idempotency-rows.ts'
import type { Idempotency, IdempotencyOptions, IdempotentRequest } from './idempotency.ts'
import { keptHeaders, recordOf, replay } from './recorded-response.ts'
import { createRecorder } from './recording.ts'

/** Milliseconds after which a run is not kept alive any more: one that hangs must not hold its key for ever. */
const LONGEST_MS = 600_000
const PRUNE_MS = 60_000
const BATCH = 1000
const MOST_BATCHES = 20

/**
 * Makes the memory of requests that were answered. Does no I/O.
 *
 * @throws ConfigError `OPTION_INVALID` for options that make none.
 */
export function createIdempotency(options: IdempotencyOptions): Idempotency {
  assertNumbers('idempotency', options, { leaseMs: 100, maxBytes: 0, maxPerCaller: 1, timeoutMs: 1 })
  const { database, clock = systemClock, timeoutMs = 5000, onError, keep = '24h' } = options
  const { leaseMs = 30_000, maxBytes = 65_536, maxPerCaller = 1000 } = options
  assertMethods('idempotency', 'database', database, ['asService'])
  const keepMs = durationOption('idempotency', 'keep', keep)
  const names = keptHeaders(options.headers)
  const timers = new Set<() => void>()
  let pruning = false
  const ask = createAsk({ database, timeoutMs, explain: explained })
  const { service, report, assertOpen } = createService({
    concern: 'idempotency',
    driver: {
      name: database.driverName,
      health: (signal) =>
        ask((tx) => tx.query('select 1 from msc_idempotency.requests limit 1'), signal).then(() => {}),
      close: async () => {
        for (const cancel of timers) cancel()
      },
    },
    clock,
    onError,
    stats: () => ({ recording: recorder.waiting }),
    close: (budgetMs) => recorder.close(budgetMs),
  })
  const recorder = createRecorder({ clock, report })

  const prune = async (): Promise<void> => {
    for (let batch = 0; batch < MOST_BATCHES; batch++) {
      if ((await ask((tx) => deleteExpiredRequests(tx, BATCH))) < BATCH) return
    }
  }
  const repeat = (ms: number, operation: string, fn: () => Promise<unknown>): (() => void) => {
    const onFailure = (error: unknown): void => report(error, operation)
    const stop = every(ms, () => fn().catch(onFailure), { clock, onError: onFailure })
    const cancel = (): void => {
      timers.delete(cancel)
      stop()
    }
    timers.add(cancel)
    return cancel
  }
  /** Holds the key of a run that is under way. Returns a function that stops it. */
  const hold = (claim: Claim): (() => void) => {
    const from = clock.monotonic()
    const stop = repeat(leaseMs / 3, 'renew', async () => {
      if (clock.monotonic() - from > LONGEST_MS) stop()
      // Nobody holds what another run has taken over.
      else if (!(await ask((tx) => renewRequest(tx, claim, leaseMs)))) stop()
    })
    return stop
  }
  const release = (claim: Claim): Promise<void> =>
    ask((tx) => releaseRequest(tx, claim)).catch((error: unknown) => report(error, 'release'))

  /**
   * Keeps the answer. A failure does not cost the answer, as the work is done; nor, if the database is back before the lease is
   * over, the memory of it: it is tried again behind the answer.
   */
  const remember = async (claim: Claim, response: Response): Promise<void> => {
    try {
      const record = await recordOf(response, names, maxBytes)
      if (!record) return await release(claim)
      const bounds = { keepMs, most: maxPerCaller }
      await recorder.keep({
        bytes: record.body.length + record.headers.length,
        budgetMs: LONGEST_MS,
        record: () => ask((tx) => recordRequest(tx, claim, record, bounds)),
      })
    } catch (error) {
      report(error, 'record')
    }
  }

  return {
    ...service,
    async run(request, work) {
      assertOpen()
      if (!pruning) {
        pruning = true
        repeat(PRUNE_MS, 'prune', prune)
      }
      const claim = await claimOf(request)
      const outcome = await ask((tx) => claimRequest(tx, claim, { leaseMs, keepMs })).catch(async (error: unknown) => {
        // It may have been taken all the same.
        void release(claim)
        throw error
      })
      if (outcome.kind === 'done') return replay(outcome.record)
      if (outcome.kind !== 'claimed') return refusal(outcome.kind)
      const stop = hold(claim)
      try {
        const response = await work(claim.key)
        await remember(claim, response)
        return response
      } catch (error) {
        await release(claim)
        throw error
      } finally {
        // What records the answer later is as often there as this would be.
        stop()
      }
    },
  }
}

/** Texts of any content are told apart by JSON, and have one length as hashes. */
async function claimOf({ caller, operation, key, fingerprint }: IdempotentRequest): Promise<Claim> {
  const [keyHash, callerHash, fingerprintHash] = await Promise.all([
    sha256(JSON.stringify([caller, operation, key])),
    sha256(JSON.stringify(caller)),
    sha256(fingerprint),
  ])
  return { key: keyHash, caller: callerHash, fingerprint: fingerprintHash, claim: crypto.randomUUID() }
}

function refusal(kind: 'running' | 'other'): Response {
  if (kind === 'other') {
    return problem({
      title: 'This Idempotency-Key was sent with another request',
      status: 422,
      code: 'IDEMPOTENCY_KEY_REUSED',
    })
  }
  return problem({
    title: 'The first request with this Idempotency-Key is still running',
    status: 409,
    code: 'IDEMPOTENCY_IN_PROGRESS',
    retryAfterMs: 1000,
  })
}

function explained(cause: unknown): Error {
  if (lacksMigration(cause)) {
    return new ConfigError('[msc/idempotency] The database has no table for requests.', {
      code: 'IDEMPOTENCY_NOT_MIGRATED',
      hint: 'Apply `idempotencyMigration()` with `database.migrate`, after the migration that makes the roles.',
      cause,
    })
  }
  if (!isOutage(cause)) return toError(cause)
  return new UnavailableError('[msc/idempotency] The database is away, so that a repeated request is not recognised.', {
    code: 'IDEMPOTENCY_UNAVAILABLE',
    hint: 'Answer 503: nothing was done, and the client may try again with the same key.',
    cause,
  })
}
