import { processEnv, readEnv } from '@msc/core'
import { publishedEnv } from '@msc/platform'

/**
 * The browser's configuration, read from the environment when a page is rendered. It is part of the page and not of the
 * bundle, so that one build runs with every set of drivers.
 */
export interface PublicConfig {
  readonly release: string
  readonly sentryDsn?: string
  readonly posthog?: { readonly key: string; readonly host?: string }
  readonly supabase?: { readonly url: string; readonly anonKey: string }
  /** The URL that the embedded browser drivers post to. */
  readonly ingestUrl: string
}

export function publicConfig(): PublicConfig {
  // Nothing else can get into a page, and with this the secrets are compared.
  const env = publishedEnv(processEnv())
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
