import type { Carried, SecretCarrier } from './carrier.ts'
import type { SecretFamily } from './family.ts'

const STACK = '\n    at submit (/srv/app/release.js:1:2)'

/** Returns a secret as a text of its own: bare when it is recognised by its form, else after its name. */
export function labelled(family: SecretFamily, secret: string): string {
  if (family.shaped) return secret
  return `${family.property}=${/[\s,;&"'`]/.test(secret) ? JSON.stringify(secret) : secret}`
}

function place(name: string, put: (family: SecretFamily, secret: string) => unknown): SecretCarrier {
  return { name, carry: (family, secret) => ({ value: put(family, secret) }) }
}

function withStack(error: Error, text: string): Error {
  // Line numbers of a real stack could hold the digits of a PIN.
  return Object.defineProperty(error, 'stack', {
    value: `${error.name}: ${text}${STACK}`,
    configurable: true,
    writable: true,
  })
}

function numeric(family: SecretFamily, secret: string, convert: (digits: string) => unknown): Carried {
  if (!family.numeric) return { impossible: 'its values are not numbers' }
  return { value: { [family.property]: convert(secret.replaceAll(/[ -]/g, '')) } }
}

/** Returns a name as headers and flags write it. */
function kebab(property: string): string {
  return property.replaceAll(/([a-z\d])([A-Z])/g, '$1-$2').toLowerCase()
}

function headers(family: SecretFamily, secret: string): Carried {
  if (/[^\x20-\x7e]/.test(secret)) return { impossible: 'headers hold visible ASCII only' }
  return { value: new Headers({ [kebab(family.property)]: secret }) }
}

/** Carriers that are objects: a property, a header, a collection, an error. */
export const objectCarriers: readonly SecretCarrier[] = [
  place('property', (family, secret) => ({ [family.property]: secret })),
  place('nested property', (family, secret) => ({ a: { b: [{ c: { [family.property]: secret } }] } })),
  place('item of a list under its name', (family, secret) => ({ [family.property]: [secret] })),
  place('item of an array', (family, secret) => ['ok', labelled(family, secret)]),
  place('item of a Set', (family, secret) => new Set([labelled(family, secret)])),
  place('value of a Map', (family, secret) => new Map([[family.property, secret]])),
  place('key of a Map', (family, secret) => new Map([[labelled(family, secret), 1]])),
  place('property name', (family, secret) => ({ [labelled(family, secret)]: 1 })),
  place('class instance', (family, secret) => new (class Release { [name: string]: unknown; constructor() { this[family.property] = secret } })()), // prettier-ignore
  place('boxed string', (family, secret) => ({ [family.property]: Object(secret) as unknown })),
  { name: 'number', carry: (family, secret) => numeric(family, secret, Number) },
  { name: 'bigint', carry: (family, secret) => numeric(family, secret, BigInt) },
  place('object of headers', (family, secret) => ({ headers: { [family.property]: secret, accept: '*/*' } })),
  { name: 'Headers', carry: headers },
  place('pairs of headers', (family, secret) => ({ headers: [['accept', '*/*'], [family.property, secret]] })), // prettier-ignore
  place('raw headers', (family, secret) => ({ rawHeaders: ['accept', '*/*', family.property, secret] })),
  place('name and value', (family, secret) => ({ fields: [{ name: family.property, value: secret }] })),
  place('Name and Value', (family, secret) => ({ environment: [{ Name: family.property, Value: secret }] })),
  place('value before its name', (family, secret) => ({ fields: [{ value: 'dark', name: 'theme' }, { value: secret, type: 'text', name: family.property }] })),
  place('field that express-validator rejected', (family, secret) => ({ errors: [{ type: 'field', value: secret, msg: 'too short', path: family.property, location: 'body' }] })),
  place('property that class-validator rejected', (family, secret) => ({ property: family.property, value: secret, constraints: { minLength: 'too short' } })),
  place('path that a schema rejected', (family, secret) => ({ issues: [{ code: 'too_small', path: ['users', 0, family.property], input: secret, originalValue: secret }] })),
  place('location that pydantic rejected', (family, secret) => ({ detail: [{ type: 'string_too_short', loc: ['body', family.property], input: secret }] })),
  place('pointer that Ajv rejected', (family, secret) => ({ errors: [{ data: secret, keyword: 'minLength', instancePath: `/users/0/${family.property}` }] })),
  place('command that signs in to Redis', (_family, secret) => ({ command: { name: 'auth', args: ['default', secret] } })),
  place('greeting of Redis with a password', (_family, secret) => ({ command: { name: 'hello', args: ['3', 'AUTH', 'default', secret] } })),
  place('list of arguments', (family, secret) => ({ argv: ['node', 'sync', `--${kebab(family.property)}`, secret, '--verbose'] })),
  place('URL', (family, secret) => {
    const url = new URL('https://msc.example/')
    url.searchParams.set(family.property, secret)
    return { url }
  }),
  place('URLSearchParams', (family, secret) => new URLSearchParams({ page: '2', [family.property]: secret })),
  place('message of an error', (family, secret) => withStack(new Error(`refused ${labelled(family, secret)}`), 'refused')),
  place('stack of an error', (family, secret) => withStack(new Error('refused'), `refused ${labelled(family, secret)}`)),
  place('cause of an error', (family, secret) =>
    withStack(new Error('refused', { cause: withStack(new Error(labelled(family, secret)), 'cause') }), 'refused')),
  place('property of an error', (family, secret) => Object.assign(withStack(new Error('refused'), 'refused'), { [family.property]: secret })),
  place('member of an AggregateError', (family, secret) =>
    withStack(new AggregateError([withStack(new Error(labelled(family, secret)), 'member')], 'refused'), 'refused')),
  place('tag', (family, secret) => ({ tags: { [family.property]: secret } })),
  place('message of a breadcrumb', (family, secret) => ({
    breadcrumbs: [{ timestamp: 1, category: 'fetch', message: `sent ${labelled(family, secret)} to the store` }],
  })),
  place('data of a breadcrumb', (family, secret) => ({ breadcrumbs: [{ timestamp: 1, data: { [family.property]: secret } }] })),
] // prettier-ignore
