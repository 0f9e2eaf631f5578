import { AsyncLocalStorage } from 'node:async_hooks'
import type { ServerResponse } from 'node:http'
import { processSlot } from '@msc/core'

const answers = (): AsyncLocalStorage<ServerResponse> =>
  processSlot('web/rendering', () => new AsyncLocalStorage<ServerResponse>())

/** Runs what renders a page, so that the page can say with which status it is answered. */
export function renderInto<T>(response: ServerResponse, render: () => T): T {
  return answers().run(response, render)
}

/**
 * Makes the status of the page that is being rendered 404, and returns whether that was possible: only behind our own server, and
 * before the answer has begun. What `notFound()` of Next.js shows needs scripts: it sends an empty page, which the browser fills.
 */
export function answerNotFound(): boolean {
  const response = answers().getStore()
  if (!response || response.headersSent) return false
  response.statusCode = 404
  return true
}
