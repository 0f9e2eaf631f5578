import { every, inTurn, sleep, withoutScope, type CancelTimer, type Clock } from '@msc/core'
import { listen, type PostgresClient } from '@msc/core/postgres'

export interface ListeningOptions {
  readonly client: PostgresClient
  readonly clock: Clock
  onNotice(id: string): void
  /** What was written before now may have been missed. */
  onListening(): void
  /** Reads what there is. Never rejects. */
  poll(): Promise<void>
  report(error: unknown, operation: string): void
}

export interface Listening {
  /** `polling`: the address delivers no notifications. */
  readonly mode: 'listening' | 'polling'
  /** It should be heard, and its connection is lost. */
  readonly isDeaf: boolean
  stop(): Promise<void>
}

/** Milliseconds between two looks at the outbox, where notifications can't be heard; more where a look takes long, up to a limit. */
const POLL_MS = 250
const POLL_SHARE = 10
const MAX_POLL_MS = 2000
/** Milliseconds between attempts to listen all the same: a database that was only too busy hears again. */
const RETRY_MS = 60_000

/**
 * Hears of what is written: by notifications, and behind a transaction pooler, which accepts LISTEN and delivers nothing, by
 * looking. That this is so is reported once.
 */
export async function hear(options: ListeningOptions): Promise<Listening> {
  const { client, clock, report } = options
  const ending = new AbortController()
  let mode: Listening['mode'] = 'listening'
  let isHeard = false
  let stopListening: (() => Promise<void>) | undefined
  let stopRetrying: CancelTimer | undefined
  let polling: Promise<void> | undefined

  const attempt = async (): Promise<void> => {
    const stop = await withoutScope(() =>
      listen(client, 'msc_feed', {
        name: '[msc/realtime] feed',
        onNotice: options.onNotice,
        onListening() {
          isHeard = true
          options.onListening()
        },
        onError(error) {
          isHeard = false
          report(error, 'listen')
        },
        clock,
      }),
    )
    if (ending.signal.aborted) return stop()
    stopListening = stop
    mode = 'listening'
    stopRetrying?.()
  }
  const pollOn = async (): Promise<void> => {
    for (;;) {
      if (mode !== 'polling' || ending.signal.aborted) return
      const from = clock.monotonic()
      await options.poll()
      const ms = Math.min(MAX_POLL_MS, Math.max(POLL_MS, (clock.monotonic() - from) * POLL_SHARE))
      await sleep(ms, { clock, signal: ending.signal }).catch(() => undefined)
    }
  }

  try {
    await attempt()
  } catch (error) {
    if (!isUnheard(error)) throw error
    report(error, 'listen; the outbox is polled')
    mode = 'polling'
    polling = withoutScope(pollOn)
    stopRetrying = every(RETRY_MS, () => attempt().catch(ignoreUnheard), {
      clock,
      onError: (cause) => report(cause, 'listen'),
    })
  }
  return {
    get mode() {
      return mode
    },
    get isDeaf() {
      return mode === 'listening' && !isHeard
    },
    async stop() {
      ending.abort()
      stopRetrying?.()
      await inTurn(
        () => stopListening?.(),
        () => polling,
      )
    },
  }
}

function isUnheard(error: unknown): boolean {
  const { code } = (error ?? {}) as { readonly code?: unknown }
  return code === 'POSTGRES_POOLED' || code === 'POSTGRES_UNHEARD'
}

function ignoreUnheard(error: unknown): void {
  if (!isUnheard(error)) throw error
}
