import type { refusal } from '../base/refusal.ts'

/** @throws ConfigError `REALTIME_PAYLOAD_TOO_LARGE` for what the server would refuse, and may close the connection for. */
export function assertFits(refuse: typeof refusal, payload: unknown, limit: number | undefined): void {
  if (!limit) return
  const bytes = payload instanceof Uint8Array ? payload : new TextEncoder().encode(JSON.stringify(payload))
  if (bytes.length <= limit) return
  throw refuse(`${bytes.length} bytes are too many to be sent.`, 'REALTIME_PAYLOAD_TOO_LARGE', {
    hint: `The server takes ${limit} bytes. Send less, or an address where the rest is to be had.`,
  })
}
