import type { Env } from '@msc/core'

export interface SecretHider {
  /** Hides the values of the environment's secrets. */
  values(text: string): string
  /** Removes user, password, query and fragment from every address. */
  inAddresses(text: string): string
}

const SECRET_NAME = /SECRET|TOKEN|PASSW|PASS$|_KEY|DSN|CREDENTIAL/i
/** The value of a shorter secret is also an ordinary word. */
const LEAST_LENGTH = 6
const HIDDEN = '[hidden]'

/** Hides the environment's secrets in a text, which may be a backend's message. */
export function secretHider(env: Env): SecretHider {
  const secrets = Object.entries(env)
    .flatMap(([name, value = '']) => [...(SECRET_NAME.test(name) ? [value] : []), ...credentialsIn(value)])
    .flatMap((secret) => [secret, secret.trim(), encodeURIComponent(secret.trim())])
    .filter((secret) => secret.length >= LEAST_LENGTH)
    // The longest first, since one secret may contain another.
    .toSorted((a, b) => b.length - a.length)
  return {
    values: (text) => [...new Set(secrets)].reduce((shown, secret) => shown.replaceAll(secret, HIDDEN), text),
    inAddresses: (text) => text.replaceAll(ADDRESS, (_whole, scheme: string, rest: string) => scheme + rest),
  }
}

/** Groups: scheme; host and path. Dropped: user and password; query and fragment. */
const ADDRESS = /\b([a-z][a-z\d+.-]*:\/\/)(?:[^\s/?#]*@)?([^\s?#"'`<>]*)(?:[?#][^\s"'`<>]*)?/gi

function credentialsIn(value: string): string[] {
  const url = value.includes('://') ? URL.parse(value.trim()) : null
  if (!url) return []
  const { protocol, username, password, searchParams } = url
  return [
    password,
    // In a DSN the user is the key; in a database's address it is a role, which is not secret.
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
