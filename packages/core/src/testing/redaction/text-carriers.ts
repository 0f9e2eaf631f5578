import type { Carried } from './carrier.ts'
import type { SecretFamily } from './family.ts'
import { labelled } from './object-carriers.ts'

/** A format of text that holds a secret. */
export interface TextCarrier {
  readonly name: string
  write(family: SecretFamily, secret: string): string | Exclude<Carried, { value: unknown }>
}

/** Puts a secret in quotes, unless the format allows it bare. */
function quoted(secret: string): string {
  return /^[\w+/=.:~-]+$/.test(secret) ? secret : JSON.stringify(secret)
}

function shell(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`
}

function xml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

/** Writes a text as Python's `repr` prints it. */
function python(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\n', '\\n')}'`
}

function sql(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** Escapes line breaks, because a header is one line. */
function line(text: string): string {
  return text.replaceAll('\n', String.raw`\n`)
}

/** Returns a name in letters, digits and underscores, as variables, elements and columns require. */
function identifier(family: SecretFamily): string {
  return family.property.replaceAll(/([a-z\d])([A-Z])/g, '$1_$2').replaceAll(/[^A-Za-z\d]/g, '_')
}

/** Returns the words of a name, as people label a field of a form. */
function words(family: SecretFamily): string[] {
  return identifier(family).split('_')
}

function part(family: SecretFamily, secret: string): string {
  const boundary = '----FormBoundary7MA4YWxk'
  const field = (name: string, value: string): string =>
    `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\nContent-Type: text/plain\r\n\r\n${value}\r\n`
  return `${field('page', '2')}${field(family.property, secret)}--${boundary}--\r\n`
}

function json(family: SecretFamily, secret: string): string {
  return JSON.stringify({ title: 'Harbour Lights', [family.property]: secret, tracks: 9 })
}

function parameter(family: SecretFamily, secret: string): string {
  return `${encodeURIComponent(family.property)}=${encodeURIComponent(secret)}`
}

function base64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)))
}

/** Writes a text as `util.inspect` prints it: in the first kind of quotes that it doesn't contain. */
function inspected(text: string): string {
  const quote = ["'", '"', '`'].find((each) => !text.includes(each)) ?? "'"
  const escaped = text.replaceAll('\\', String.raw`\\`).replaceAll('\n', String.raw`\n`)
  return `${quote}${quote === "'" ? escaped.replaceAll("'", String.raw`\'`) : escaped}${quote}`
}

/** Writes a text of several lines, which `util.inspect` prints in pieces. */
function inspectedLines(text: string): string {
  return text.split(/(?<=\n)/).map(inspected).join(' +\n    ') // prettier-ignore
}

/** Carriers that are text: the forms of bodies, logs, queries and commands. */
export const textCarriers: readonly TextCarrier[] = [
  { name: 'JSON in a string', write: json },
  { name: 'escaped JSON', write: (family, secret) => JSON.stringify({ body: json(family, secret) }) },
  { name: 'JSON in which a label follows its value', write: (family, secret) => JSON.stringify({ note: '{"}', value: secret, name: family.property }) },
  { name: 'JSON in which a label stands before its value', write: (family, secret) => JSON.stringify({ body: JSON.stringify({ name: family.property, note: '"}', value: secret }) }) },
  { name: 'JSON with another value between a value and its label', write: (family, secret) => JSON.stringify({ value: secret, constraints: [{ rule: 'min', value: 12 }], name: family.property }) },
  { name: 'JSON with another label between a label and its value', write: (family, secret) => JSON.stringify({ name: family.property, tags: [{ key: 'token-owner', value: 'ops' }, { name: 'theme' }], value: secret }) },
  { name: 'list of pairs in JSON', write: (family, secret) => JSON.stringify([['theme', 'dark'], [family.property, secret]]) },
  { name: 'variables of GraphQL in a query', write: (family, secret) => `/graphql?variables=${encodeURIComponent(JSON.stringify({ [family.property]: secret, sort: 'asc' }))}&page=2` },
  { name: 'list in variables of GraphQL', write: (family, secret) => `/graphql?variables=${encodeURIComponent(JSON.stringify({ [family.property]: ['a1', secret], page: 2 }))}` },
  { name: 'object in variables of GraphQL', write: (family, secret) => `/graphql?variables=${encodeURIComponent(JSON.stringify({ credentials: { user: 'ana', value: secret }, page: 2 }))}` },
  { name: 'JSON in an attribute of HTML', write: (family, secret) => `<div data-props="${xml(JSON.stringify({ [family.property]: secret, tracks: 9 })).replaceAll('"', '&quot;')}">` },
  { name: 'JSON in an attribute as PHP writes it', write: (family, secret) => `<div data-props="${xml(JSON.stringify({ value: secret, name: family.property })).replaceAll('"', '&#034;')}">` },
  { name: 'XML in XML', write: (family, secret) => `<log>${xml(`<${identifier(family)}>${xml(secret)}</${identifier(family)}>`)}</log>` },
  { name: 'JSON escaped twice', write: (family, secret) => JSON.stringify({ log: JSON.stringify({ body: json(family, secret) }) }) },
  { name: 'indented JSON', write: (family, secret) => JSON.stringify({ [family.property]: secret, tracks: 9 }, undefined, 2) },
  { name: 'base64 of JSON', write: (family, secret) => `state ${base64(json(family, secret))} kept` },
  { name: 'line of a header', write: (family, secret) => `${family.property}: ${line(secret)}` },
  { name: 'dump of a request', write: (family, secret) => `GET /a HTTP/1.1\r\nhost: msc.example\r\n${family.property}: ${line(secret)}\r\naccept: */*` },
  { name: 'cookie', write: (family, secret) => `Cookie: theme=dark; ${identifier(family)}=${encodeURIComponent(secret)}` },
  { name: 'set-cookie', write: (family, secret) => `set-cookie: ${identifier(family)}=${encodeURIComponent(secret)}; Path=/; HttpOnly` },
  { name: 'conflict that Postgres reports', write: (family, secret) => `Key (email, ${identifier(family)})=(x, ${secret}) already exists.` },
  { name: 'list in a form', write: (family, secret) => `page=2&${family.property}[]=${encodeURIComponent(secret)}&${family.property}[0]=${encodeURIComponent(secret)}&sort=asc` },
  { name: 'query of a URL', write: (family, secret) => `GET https://msc.example/cb?page=2&${parameter(family, secret)}&sort=asc failed` },
  { name: 'fragment of a URL', write: (family, secret) => `https://msc.example/cb#${parameter(family, secret)}&state=1` },
  { name: 'body of a form', write: (family, secret) => `${new URLSearchParams({ page: '2', [family.property]: secret, sort: 'asc' })}` },
  { name: 'form whose names have spaces', write: (family, secret) => `page=2&${words(family).join('+')}=${encodeURIComponent(secret)}&sort=asc` },
  { name: 'query whose names have encoded spaces', write: (family, secret) => `https://msc.example/cb?page=2&${words(family).join('%20')}=${encodeURIComponent(secret)}` },
  { name: 'part of a multipart body', write: (family, secret) => part(family, secret) },
  { name: 'part of a multipart body in JSON', write: (family, secret) => JSON.stringify({ status: 400, body: part(family, secret) }) },
  { name: 'userinfo of a URL', write: (_family, secret) => `fetch https://app:${encodeURIComponent(secret)}@msc.example/feed failed` },
  { name: 'unencoded userinfo', write: (_family, secret) => (/\s/.test(secret) ? { impossible: 'a space ends a URL' } : `Invalid URL: postgres://app:${secret}@db.msc.example/feed`) },
  { name: 'form with nested names', write: (family, secret) => `form[${family.property}][first]=${encodeURIComponent(secret)}&form[page]=2` },
  { name: 'percent-encoded text', write: (family, secret) => `next=${encodeURIComponent(labelled(family, secret))}` },
  { name: 'URL inside a URL', write: (family, secret) => `https://msc.example/login?next=${encodeURIComponent(`https://msc.example/cb?${parameter(family, secret)}`)}&page=2` },
  { name: 'log line with name=value', write: (family, secret) => `level=warn ${family.property}=${quoted(secret)} status=401` },
  { name: 'log line with name: value', write: (family, secret) => `refused, ${family.property}: ${quoted(secret)}, status: 401` },
  { name: 'assignment', write: (family, secret) => `export ${identifier(family).toUpperCase()}="${secret.replaceAll(/["$`\\]/g, String.raw`\$&`)}"` },
  { name: 'assignment in a shell', write: (family, secret) => `export ${identifier(family).toUpperCase()}=${shell(secret)}; run` },
  { name: 'YAML in single quotes', write: (family, secret) => `service: web\n${family.property}: ${sql(secret)}\nreplicas: 2` },
  { name: 'CSV of assignments', write: (family, secret) => `user=ana;${family.property}="${secret.replaceAll('"', '""')}";x=1` },
  { name: 'YAML', write: (family, secret) => `service: web\n${family.property}: ${quoted(secret)}\nreplicas: 2` },
  { name: 'YAML on the next line', write: (family, secret) => `web:\r\n  ${family.property}:\r\n    ${quoted(secret)}\r\n  replicas: 2` },
  { name: 'YAML in JSON', write: (family, secret) => JSON.stringify({ values: `web:\n  ${family.property}:\n    ${quoted(secret)}\n  replicas: 2` }) },
  { name: 'YAML of name and value', write: (family, secret) => `env:\n  - name: ${family.property}\n    value: ${quoted(secret)}\n  - name: PORT\n    value: "80"` },
  { name: 'YAML over several lines', write: (family, secret) => `web:\n  ${family.property}: |\n    ${secret.replaceAll('\n', '\n    ')}\n  replicas: 2` },
  { name: 'YAML over several lines with an indent', write: (family, secret) => `web:\n  ${family.property}: &a |2- # set by hand\n    ${secret.replaceAll('\n', '\n    ')}\n  replicas: 2` },
  { name: 'tuple of Python', write: (family, secret) => `post(url, auth=('ana', ${python(secret)}))` },
  { name: 'list of tuples of Python', write: (family, secret) => `[('page', '2'), ('${family.property}', ${python(secret)})]` },
  { name: 'change of Terraform', write: (family, secret) => `  ~ ${identifier(family)} = ${JSON.stringify(`${secret}`)} -> ${JSON.stringify(secret)}` },
  { name: 'here-document', write: (family, secret) => `${identifier(family)} = <<-EOT\n  ${secret}\nEOT\npage = 2` },
  { name: 'string in three quotes', write: (family, secret) => (secret.includes('"""') ? { impossible: 'three quotes end it' } : `${identifier(family)} = """\n${secret}\n"""\npage = 2`) },
  { name: 'several lines that Node inspects', write: (family, secret) => `{\n  title: 'Harbour Lights',\n  '${family.property}': ${inspectedLines(`of two lines\n${secret}`)},\n  tracks: 9\n}` },
  { name: 'JSON of several lines that Node inspects', write: (family, secret) => JSON.stringify({ log: `{\n  '${family.property}': ${inspectedLines(`${secret}\nis one of two`)},\n  tracks: 9\n}` }) },
  { name: 'object under the name of a line', write: (family, secret) => `{\n  cookies: {\n    theme: 'dark',\n    '${family.property}': ${inspected(secret)}\n  },\n  tracks: 9\n}` },
  { name: 'list of objects under the name of a line', write: (_family, secret) => `{\n  setCookie: [\n    { name: 'a', value: 'b' },\n    {\n      name: 'c',\n      value: ${inspected(secret)}\n    }\n  ]\n}` },
  { name: 'object with a class', write: (_family, secret) => `{\n  credentials: [Object: null prototype] {\n    a: 'b',\n    c: ${inspected(secret)}\n  },\n  tokens: Map(1) { 'a' => ${inspected(secret)} }\n}` },
  { name: 'block of Terraform', write: (_family, secret) => `authorization = {\n  user = "ana"\n  value = ${JSON.stringify(secret)}\n}` },
  { name: 'YAML with an anchor', write: (family, secret) => `service: web\n${family.property}: &shared ${quoted(secret)}\nreplicas: 2` },
  { name: 'SQL comparison', write: (family, secret) => `select id from users where ${identifier(family)} = ${sql(secret)} limit 1` },
  { name: 'SQL insert', write: (family, secret) => `insert into users (id, ${identifier(family)}) values ('7', ${sql(secret)})` },
  { name: 'XML', write: (family, secret) => `<user><${identifier(family)} kind="a">${xml(secret)}</${identifier(family)}></user>` },
  { name: 'element that an attribute names', write: (family, secret) => `<config><param name="${family.property}">${xml(secret)}</param><param name="page">2</param></config>` },
  { name: 'setting of .NET', write: (family, secret) => `<setting name="${family.property}" serializeAs="String">\n  <value>${xml(secret)}</value>\n</setting>` },
  { name: 'member of XML-RPC', write: (family, secret) => `<member><name>${family.property}</name><value><string>${xml(secret)}</string></value></member>` },
  { name: 'message of Joi', write: (family, secret) => `"${family.property}" with value "${secret}" fails to match the required pattern` },
  { name: 'message of Mongoose', write: (family, secret) => `User validation failed: ${family.property}: Path \`${family.property}\` (\`${secret}\`, length 9) is shorter than the minimum allowed length (12).; name: Path \`name\` is required.` },
  { name: 'arguments in YAML', write: (family, secret) => `args:\n  - --${identifier(family).replaceAll('_', '-')}\n  - ${quoted(secret)}\n  - --verbose` },
  { name: 'command of Redis that Node inspects', write: (_family, secret) => `{ command: { name: 'hello', args: [ '3', 'AUTH', 'default', ${inspected(secret)} ] } }` },
  { name: 'rejected input that Python prints', write: (family, secret) => `[{'type': 'string_too_short', 'loc': ('body', '${family.property}'), 'input': ${python(secret)}}]` },
  { name: 'header of curl', write: (family, secret) => `curl -H ${shell(`${family.property}: ${line(secret)}`)} https://msc.example` },
  { name: 'user of curl', write: (_family, secret) => `curl -u ${shell(`app:${secret}`)} https://msc.example` },
  { name: 'flag of a command', write: (family, secret) => `msc sync --${identifier(family).replaceAll('_', '-')} ${shell(secret)} --verbose` },
  { name: 'template text', write: (family, secret) => `Hello, your ${labelled(family, secret)} was changed.` },
] // prettier-ignore
