import { ConfigError, processEnv, readEnv, type Env } from '@msc/core'
import type { ClientAddressOptions } from './client-address.ts'

/**
 * How an application is run. `local`: on one machine, for development and for trying it out. `self-hosted`: on the
 * internet, with a Postgres, a Redis and a realtime server of your own. `vendor`: on the internet, with the vendors'
 * services.
 */
export type ProfileName = 'local' | 'self-hosted' | 'vendor'

export interface Profile {
  readonly name: ProfileName
  /** Whether a fresh installation gets accounts whose passwords are printed. Only in `local`. */
  readonly seeds: boolean
  /** Whether cookies are `Secure` with the prefix `__Host-`, and answers ask for HTTPS (HSTS). Not in `local`. */
  readonly secure: boolean
  /** How the address of a client is found; the option `clientAddress` of {@link createRoutes}. */
  readonly clientAddress: ClientAddressOptions
}

const NAMES: readonly string[] = ['local', 'self-hosted', 'vendor'] satisfies readonly ProfileName[]

/**
 * Reads the profile from MSC_PROFILE. Without it: `local` outside production; in production (`NODE_ENV=production`) `vendor`
 * when Supabase is configured, otherwise `self-hosted`. So nothing that is only safe on one's own machine happens in production
 * unless somebody asks for it.
 *
 * MSC_TRUSTED_HOPS is the number of your own proxies that a request passes (default 0), each of which appends to
 * `X-Forwarded-For`. MSC_CLIENT_ADDRESS_HEADER names the header in which a platform puts the client's address, such as
 * `x-vercel-forwarded-for`.
 *
 * @throws ConfigError `PROFILE_UNKNOWN`, `TRUSTED_HOPS_INVALID`, `ADDRESS_HEADER_INVALID`, and `CONFIG_REPLACED` for
 *   MSC_TRUST_PROXY, which believed what any client said.
 */
export function profileFromEnv(env: Env = processEnv()): Profile {
  const name = nameFrom(env)
  const local = name === 'local'
  return { name, seeds: local, secure: !local, clientAddress: addressFrom(env) }
}

function nameFrom(env: Env): ProfileName {
  const wanted = readEnv(env, 'MSC_PROFILE')
  if (wanted === undefined) {
    if (readEnv(env, 'NODE_ENV') !== 'production') return 'local'
    const supabase = readEnv(env, 'NEXT_PUBLIC_SUPABASE_URL') ?? readEnv(env, 'SUPABASE_DB_URL')
    return supabase === undefined ? 'self-hosted' : 'vendor'
  }
  if (NAMES.includes(wanted)) return wanted as ProfileName
  throw new ConfigError(`[msc/platform] MSC_PROFILE is none of ${NAMES.join(', ')}.`, {
    code: 'PROFILE_UNKNOWN',
    hint: 'Set MSC_PROFILE to local on your own machine, and to self-hosted or vendor on the internet.',
  })
}

/** More proxies in a row than anybody has. */
const MAX_HOPS = 10

function addressFrom(env: Env): ClientAddressOptions {
  if (readEnv(env, 'MSC_TRUST_PROXY') !== undefined) {
    throw new ConfigError('[msc/platform] MSC_TRUST_PROXY is no more.', {
      code: 'CONFIG_REPLACED',
      hint: 'Set MSC_TRUSTED_HOPS to the number of your own proxies that a request passes, and remove MSC_TRUST_PROXY.',
    })
  }
  const hops = readEnv(env, 'MSC_TRUSTED_HOPS') ?? '0'
  if (!/^\d{1,2}$/.test(hops) || Number(hops) > MAX_HOPS) {
    throw new ConfigError(`[msc/platform] MSC_TRUSTED_HOPS is not a whole number from 0 to ${MAX_HOPS}.`, {
      code: 'TRUSTED_HOPS_INVALID',
      hint: 'Set it to the number of your own proxies that a request passes; 0 when clients connect directly.',
    })
  }
  const header = readEnv(env, 'MSC_CLIENT_ADDRESS_HEADER')?.toLowerCase()
  if (header !== undefined && !/^[a-z][a-z\d-]{0,63}$/.test(header)) {
    throw new ConfigError('[msc/platform] MSC_CLIENT_ADDRESS_HEADER is not the name of a header.', {
      code: 'ADDRESS_HEADER_INVALID',
      hint: 'Name the header that your platform sets and that no client can send, such as x-vercel-forwarded-for.',
    })
  }
  return { trustedHops: Number(hops), ...(header !== undefined && { header }) }
}
