import { setErrorReporter } from '@msc/core'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { setDefaultMonitoring } from './default-monitoring.ts'
import { onRequestError } from './next.ts'

const { NODE_ENV, NEXT_PUBLIC_SENTRY_DSN } = process.env
let restore = (): void => {}
beforeEach(() => {
  setDefaultMonitoring(undefined)
  restore = setErrorReporter(() => undefined)
  Object.assign(process.env, { NODE_ENV: 'production', NEXT_PUBLIC_SENTRY_DSN: 'not a dsn' })
})
afterEach(() => {
  restore()
  Object.assign(process.env, { NODE_ENV, NEXT_PUBLIC_SENTRY_DSN: NEXT_PUBLIC_SENTRY_DSN ?? '' })
})

const info = { path: '/x', method: 'GET', headers: {} }
const context = { routerKind: 'App', routePath: '/x', routeType: 'render' }

it.each([
  ['the configuration is wrong', new Error('app'), info, context],
  [
    'the digest cannot be read',
    {
      get digest(): never {
        throw new Error('digest')
      },
    },
    info,
    context,
  ],
  ['there are no headers', new Error('app'), { path: '/x', method: 'GET' }, context],
  ['there is nothing at all', undefined, undefined, undefined],
])('resolves even if %s', async (_what, error, request, where) => {
  await expect(onRequestError(error, request as never, where as never)).resolves.toBeUndefined()
})
