import { expect, it } from 'vitest'
import { sendFailure } from './inngest-send-failure.ts'

it.each([
  ['Inngest API Error: 400 Cannot process event payload', 'DRIVER_REFUSED', false],
  ['Inngest API Error: 401 Event key Not Found', 'DRIVER_UNAUTHORIZED', false],
  ['Inngest API Error: 406 Event key Not Found', 'DRIVER_UNAUTHORIZED', false],
  ['Inngest API Error: 413 Event payload too large', 'DRIVER_TOO_LARGE', false],
  ['Inngest API Error: 408 took too long', 'DRIVER_FAILED', true],
  ['Inngest API Error: 429 {"error":"429 of 400"}', 'DRIVER_RATE_LIMITED', true],
  ['Inngest API Error: 500 Internal server error', 'DRIVER_FAILED', true],
  ['fetch failed for order 4130 of 404 at 127.0.0.1:4000', 'DRIVER_FAILED', true],
  ["Failed to send event: couldn't find an event key", 'DRIVER_UNAUTHORIZED', false],
])('a failure to send is judged by its status: %s', (message, code, retryable) => {
  const failure = sendFailure(message)
  expect(failure).toMatchObject({ code, retryable })
  expect(failure.hint ?? '').not.toMatch(code === 'DRIVER_UNAUTHORIZED' ? /^$/ : /EVENT_KEY/)
})
