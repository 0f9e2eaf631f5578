import { profileFromEnv, type Profile } from '@msc/platform'

let read: Profile | undefined

/** How this process runs; see MSC_PROFILE. */
export function profile(): Profile {
  return (read ??= profileFromEnv())
}
