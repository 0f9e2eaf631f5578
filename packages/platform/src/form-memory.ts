import { REDACTED, assertMethods, createRedactor, isRecord, randomHex } from '@msc/core'
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
   * Fields whose names say that they are secret are not kept, nor are those that begin with `_`. The words are those that redaction
   * hides in logs (`newPassword`, `card_number`, `api-key`, `user[otp]`, `passportNumber`, and those of `configureRedaction`), but for
   * phone numbers, which a person would only have to type again; and what is secret in a form alone: a field `code`, `oneTimeCode` or
   * `card`, the code on a card, a PIN that is repeated. Whole words count: `opinion`, `shipping`, `postcode` and `passport` are kept.
   */
  keep(sent: Pick<FormSent<RouteUser>, 'response' | 'values' | 'user'>): Promise<string | undefined>
  /** Returns the form that was kept under `id` for this user, or `undefined`. */
  recall(id: unknown, user?: RouteUser): Promise<KeptForm | undefined>
}

const SECONDS = 300

/** One's own phone number is no secret of a form. */
const PHONE = /\b(?:tele|mobile |cell )?phone(?: (?:number|no))?\b/g
/** A secret that has to be typed twice. */
const REPEATED = / (?:again|check|confirm|confirmation|repeat|repeated|retype|verify)\b/g
/** Ordinary in logs, and secret in a form. */
const SECRET_IN_FORMS =
  /^code$|(?:^| )(?:one time|time|factor|2 ?fa|mfa|otp|login|sign in|confirmation|unlock) code$|(?:^| )(?:csc|card)$|^cc (?:number|num|no)$/

function isSecret(name: string): boolean {
  if (name.startsWith('_')) return true
  const words = wordsOf(name)
  if (SECRET_IN_FORMS.test(words)) return true
  const judged = words.replace(PHONE, '').replace(REPEATED, '').trim().replaceAll(' ', '_')
  // Logs may be told to hide all but some names, and a form is no log.
  return judged !== '' && createRedactor({ allow: [judged] })({ [judged]: 'x' })[judged] === REDACTED
}

/** `userAPIKey`, `user-api-key` and `user[apiKey]` are `user api key`; `otp2` is `otp`. */
function wordsOf(name: string): string {
  return name
    .slice(-200)
    .replace(/(?<=\p{Ll})(?=\p{Lu})|(?<=\p{Lu})(?=\p{Lu}\p{Ll})/gu, ' ')
    .replace(/(?<=\p{L}{2})\d+(?!\p{L})/gu, '')
    .toLowerCase()
    .replace(/[^\p{L}\d]+/gu, ' ')
    .trim()
}

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
        values: Object.fromEntries(Object.entries(values).filter(([name]) => !isSecret(name))),
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
