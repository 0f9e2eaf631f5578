import { readEnv, type Env } from '@msc/core'
import { profileFromEnv } from '../../profile/profile.ts'
import { fine, type Finding } from '../finding.ts'

/**
 * Names the profile that the environment chooses; warns of one that is for one's own machine where the rest says that this is
 * production.
 *
 * @throws ConfigError as `profileFromEnv`.
 */
export function checkProfile(env: Env): Finding[] {
  const { name, clientAddress } = profileFromEnv(env)
  const hops = clientAddress.header ?? `${clientAddress.trustedHops} trusted hops`
  const found = fine('profile', `${name}, ${hops}`)
  if (name !== 'local' || readEnv(env, 'NODE_ENV') !== 'production') return [found]
  return [
    {
      ...found,
      status: 'warning',
      code: 'PROFILE_LOCAL',
      detail:
        'Production (NODE_ENV=production) runs in the profile `local`: accounts with known passwords, cookies without TLS.',
      hint: 'Set MSC_PROFILE to self-hosted or vendor, or leave it out, unless this is your own machine.',
    },
  ]
}
