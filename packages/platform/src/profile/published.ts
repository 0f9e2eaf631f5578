import { readEnv, type Env } from '@msc/core'

/** Variables that everybody may read although their names do not say so. */
const ALSO_PUBLISHED: ReadonlySet<string> = new Set(['MSC_RELEASE'])

/**
 * Returns the part of an environment that is published: what Next.js writes into the pages that it builds (`NEXT_PUBLIC_…`), and
 * MSC_RELEASE. What an application writes into its pages, it reads from here; `assertSecrets` compares the secrets with the same.
 */
export function publishedEnv(env: Env): Env {
  const published = Object.keys(env).flatMap((name) => {
    const value = name.startsWith('NEXT_PUBLIC_') || ALSO_PUBLISHED.has(name) ? readEnv(env, name) : undefined
    return value === undefined ? [] : [[name, value] as const]
  })
  return Object.fromEntries(published)
}
