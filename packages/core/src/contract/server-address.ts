/** What an address needs that often arrives without it; the end of a hint. */
export const ADDRESS_HINT: string =
  'Leave quotes away, and percent-encode signs such as @ / ? and # in the password (%40 %2F %3F %23).'

/**
 * Parses the address of a server that may hold a user and a password, such as Postgres's or that of Redis.
 *
 * A password with an unescaped `/`, `?` or `#` ends the host too early: `postgres://app:47/x@db:5432/m` would lead to the
 * host `app`, and the rest of the password would be taken for the name of the database and be printed. Such an address has
 * an `@` behind the host: in the path, in the fragment, or in the query outside of a parameter that may hold one.
 *
 * @returns `undefined` for a text that is no such address.
 */
export function parseServerAddress(text: string | undefined, protocol: RegExp): URL | undefined {
  const url = URL.parse(text ?? '')
  if (!url || !protocol.test(url.protocol)) return undefined
  const parts = url.search.slice(1).split('&')
  const isCut = (part: string): boolean => part.includes('@') && !MAY_HOLD_AN_AT.test(part)
  return `${url.pathname}${url.hash}`.includes('@') || parts.some(isCut) ? undefined : url
}

/**
 * By name, as the rest of a password may hold a `=` too. Sources: the parameter key words of PostgreSQL's libpq; the options
 * of ioredis, which it takes from the query.
 */
const MAY_HOLD_AN_AT =
  /^(?:user|username|password|passfile|(?:fallback_)?application_name|options|host|service|ssl(?:cert|key|rootcert|password|crl|crldir)|connectionName|keyPrefix)=/
