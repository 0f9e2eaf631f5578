import { expect, it } from 'vitest'
import { secretHider } from './without-secrets.ts'

const hide = (env: Record<string, string>, text: string): string => {
  const hider = secretHider(env)
  return hider.inAddresses(hider.values(text))
}

it('hides the values of secrets, also when they are URL-encoded', () => {
  const env = { CRON_SECRET: ' s3cret/of 16 \n', UPSTASH_REDIS_REST_TOKEN: 'token-0123' }
  expect(hide(env, 'got s3cret/of 16 and s3cret%2Fof%2016 and token-0123.')).toBe(
    'got [hidden] and [hidden] and [hidden].',
  )
})

it('hides the password of an address, which contains the longer secret', () => {
  const env = { DATABASE_URL: 'postgres://app:p%40ssword@db:5432/app?sslmode=require', A_TOKEN: 'p@ssword-and-more' }
  expect(hide(env, 'p@ssword, p%40ssword, p@ssword-and-more')).toBe('[hidden], [hidden], [hidden]')
  expect(hide(env, 'role app requires sslmode=require')).toBe('role app requires sslmode=require')
})

it('hides the key of a DSN', () => {
  expect(hide({ NEXT_PUBLIC_SENTRY_DSN: 'https://0123456789abcdef@sentry.example/1' }, 'key 0123456789abcdef')).toBe(
    'key [hidden]',
  )
})

it('shows only host and path of an address', () => {
  expect(hide({}, 'redis://user:pass@10.0.0.5:6379/0?token=abc is silent, https://x.example/a#b too')).toBe(
    'redis://10.0.0.5:6379/0 is silent, https://x.example/a too',
  )
})

it('leaves words that are too short to be secrets', () => {
  expect(hide({ CRON_SECRET: 'the' }, 'the server')).toBe('the server')
})
