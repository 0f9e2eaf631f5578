/** Protocol, host and port of an address, without its credentials, path and query; empty for what is no address. */
export function endpointOf(address: string): string {
  const url = URL.parse(address)
  return url ? `${url.protocol}//${url.host}` : ''
}
