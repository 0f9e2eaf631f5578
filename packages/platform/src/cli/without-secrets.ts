import type { Env } from '@msc/core'

export interface SecretHider {
  /** Hides the values of the environment's secrets. */
  values(text: string): string
  /** Takes user, password, query and fragment out of every address. */
  inAddresses(text: string): string
}

const SECRET_NAME = /SECRET|TOKEN|PASSW|PASS$|_KEY|DSN|CREDENTIAL/i
/** A shorter one would take words out of sentences. */
const LEAST_LENGTH = 6
const HIDDEN = '[hidden]'

/** Keeps from a text what must not be printed of the environment, whatever a backend repeats of it. */
export function secretHider(env: Env): SecretHider {
  const secrets = Object.entries(env)
    .flatMap(([name, value = '']) => [...(SECRET_NAME.test(name) ? [value] : []), ...credentialsIn(value)])
    .flatMap((secret) => [secret, secret.trim(), encodeURIComponent(secret.trim())])
    .filter((secret) => secret.length >= LEAST_LENGTH)
    // The longest first: one may be a part of another.
    .toSorted((a, b) => b.length - a.length)
  return {
    values: (text) => [...new Set(secrets)].reduce((shown, secret) => shown.replaceAll(secret, HIDDEN), text),
    inAddresses: (text) => text.replaceAll(ADDRESS, (_whole, scheme: string, rest: string) => scheme + rest),
  }
}

/** Scheme; user and password; host and path; query and fragment. */
const ADDRESS = /\b([a-z][a-z\d+.-]*:\/\/)(?:[^\s/?#]*@)?([^\s?#"'`<>]*)(?:[?#][^\s"'`<>]*)?/gi

function credentialsIn(value: string): string[] {
  const url = value.includes('://') ? URL.parse(value.trim()) : null
  if (!url) return []
  const { protocol, username, password, searchParams } = url
  return [
    password,
    // Of a DSN it is the key; of a database it is a role.
    ...(/^https?:$/.test(protocol) ? [username] : []),
    ...[...searchParams].flatMap(([name, given]) => (/secret|token|passw|key/i.test(name) ? [given] : [])),
  ].flatMap((part) => [part, decoded(part)])
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
