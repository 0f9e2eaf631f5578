import { processEnv, readEnv } from '@msc/core'

/**
 * What the browser needs to reach the services, read from the environment when the page is rendered. It travels in the
 * page, not in the bundle: one build runs with every set of drivers.
 */
export interface PublicConfig {
  readonly release: string
  readonly sentryDsn?: string
  readonly posthog?: { readonly key: string; readonly host?: string }
  readonly supabase?: { readonly url: string; readonly anonKey: string }
  /** Where the embedded browser drivers post to. */
  readonly ingestUrl: string
}

export function publicConfig(): PublicConfig {
  const env = processEnv()
  const dsn = readEnv(env, 'NEXT_PUBLIC_SENTRY_DSN')
  const key = readEnv(env, 'NEXT_PUBLIC_POSTHOG_KEY')
  const host = readEnv(env, 'NEXT_PUBLIC_POSTHOG_HOST')
  const url = readEnv(env, 'NEXT_PUBLIC_SUPABASE_URL')
  const anonKey = readEnv(env, 'NEXT_PUBLIC_SUPABASE_ANON_KEY')
  return {
    release: readEnv(env, 'MSC_RELEASE') ?? 'dev',
    ingestUrl: '/api/msc/browser',
    ...(dsn && { sentryDsn: dsn }),
    ...(key && { posthog: host ? { key, host } : { key } }),
    ...(url && anonKey && { supabase: { url, anonKey } }),
  }
}
