import diagnostics from 'node:diagnostics_channel'
import type { AnswerTime } from '../checks/clock-skew.ts'

interface Message {
  readonly request: object & { readonly origin?: unknown }
  readonly response?: { readonly headers?: readonly (Uint8Array | string)[] }
}

/**
 * Records the `Date` of the responses to requests that this process makes anyway.
 *
 * Node's `fetch` publishes them: https://github.com/nodejs/undici/blob/main/docs/docs/api/DiagnosticsChannel.md
 *
 * @returns the recorded times, and a function that stops recording.
 */
export function noteAnswerTimes(now: () => number): { readonly answers: AnswerTime[]; stop(): void } {
  const answers: AnswerTime[] = []
  const sent = new WeakMap<object, number>()
  const onCreate = (message: unknown): void => void sent.set((message as Message).request, now())
  const onHeaders = (message: unknown): void => {
    const { request, response } = message as Message
    const sentAt = sent.get(request)
    const headers = new Headers(pairs((response?.headers ?? []).map((part) => Buffer.from(part).toString('latin1'))))
    const date = Date.parse(headers.get('date') ?? '')
    // A response from a cache carries the time at which it was stored.
    if (sentAt === undefined || Number.isNaN(date) || headers.has('age')) return
    const { host } = URL.parse(String(request.origin)) ?? {}
    if (host) answers.push({ host, date, sentAt, receivedAt: now() })
  }
  diagnostics.subscribe('undici:request:create', onCreate)
  diagnostics.subscribe('undici:request:headers', onHeaders)
  return {
    answers,
    stop() {
      diagnostics.unsubscribe('undici:request:create', onCreate)
      diagnostics.unsubscribe('undici:request:headers', onHeaders)
    },
  }
}

function pairs(flat: readonly string[]): [string, string][] {
  return flat.flatMap((name, index): [string, string][] => (index % 2 === 0 ? [[name, flat[index + 1] ?? '']] : []))
}
