import { assertMethods, isRecord, randomHex } from '@msc/core'
import type { Cache } from '@msc/cache'
import type { FormSent, RouteUser } from './route.ts'

/** A form that was refused, as a page shows it again. */
export interface KeptForm {
  readonly values: Readonly<Record<string, string>>
  /** Why it was refused: the title of the problem document, and its detail. */
  readonly title: string
  readonly detail?: string
  readonly issues: readonly { readonly message: string; readonly path: string }[]
}

export interface FormMemory {
  /**
   * Keeps a refused form for five minutes, and returns the id for the address of the page; `undefined` while the cache is away.
   * Fields whose names say that they are secret (`password`, `secret`, `token`, `code`), and those that begin with `_`, are not kept.
   */
  keep(sent: Pick<FormSent<RouteUser>, 'response' | 'values' | 'user'>): Promise<string | undefined>
  /** Returns the form that was kept under `id` for this user, or `undefined`. */
  recall(id: unknown, user?: RouteUser): Promise<KeptForm | undefined>
}

const SECONDS = 300
const SECRET = /pass|pwd|pin|secret|token|code|^_/i

/**
 * Remembers what a person has typed into a form that was refused, while the browser is redirected to the form's page. The
 * address carries only a random id: what was typed would stay in the history and in logs.
 *
 * @throws ConfigError `OPTION_INVALID` for a cache that is none.
 */
export function createFormMemory(cache: Pick<Cache, 'get' | 'set'>): FormMemory {
  assertMethods('platform', 'cache', cache, ['get', 'set'])
  const key = (id: string, user: RouteUser | undefined): string => `form:${id}:${user?.id ?? ''}`
  return {
    async keep({ response, values, user }) {
      const problem: unknown = await copyOf(response)
      const { title, detail, issues } = isRecord(problem) ? problem : {}
      const kept: KeptForm = {
        values: Object.fromEntries(Object.entries(values).filter(([name]) => !SECRET.test(name))),
        title: typeof title === 'string' ? title : 'This could not be sent',
        ...(typeof detail === 'string' && { detail }),
        issues: Array.isArray(issues) ? (issues as KeptForm['issues']) : [],
      }
      const id = randomHex(16)
      const isKept = await cache.set(key(id, user), kept, SECONDS).catch(() => false)
      return isKept ? id : undefined
    },
    async recall(id, user) {
      if (typeof id !== 'string' || !/^[\da-f]{32}$/.test(id)) return undefined
      return cache.get<KeptForm>(key(id, user)).catch(() => undefined)
    },
  }
}

/** The body may have been read, or be no JSON. */
async function copyOf(response: Response): Promise<unknown> {
  try {
    return await response.clone().json()
  } catch {
    return undefined
  }
}
