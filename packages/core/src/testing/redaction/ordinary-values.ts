import { ALPHANUMERIC, DIGITS, HEX, UPPER, createRandom, withGs1, type Random } from './random.ts'

/** The kinds of values that telemetry consists of and that redaction has to leave alone. */
const KINDS: readonly ((random: Random) => unknown)[] = [
  prose,
  sentenceWithNumbers,
  (random) => withGs1(random.text(DIGITS, 12)), // EAN-13
  (random) => withGs1(random.text(DIGITS, 11)), // UPC-A
  (random) => `barcode ${withGs1(`0${random.text(DIGITS, 11)}`)} of the release`,
  epochMs,
  (random) => `at ${epochMs(random)} the worker stopped`,
  (random) => `${epochMs(random)}${random.text(DIGITS, 3)}`, // microseconds
  isrc,
  (random) => `${random.pick(['SE', 'GB', 'DE', 'US'])}-${random.text(UPPER, 3)}-${random.text(DIGITS, 2)}-${random.text(DIGITS, 5)}`,
  snowflake,
  (random) => `message ${snowflake(random)} deleted`,
  uuid,
  (random) => `run ${uuid(random)} of ${uuid(random)}`,
  (random) => random.text(HEX, random.pick([8, 16, 32, 40, 64])),
  (random) => `00-${random.text(HEX, 32)}-${random.text(HEX, 16)}-01`,
  path,
  stackFrame,
  version,
  money,
  (random) => random.below(1_000_000) / 100,
  (random) => random.below(2 ** 31),
  url,
  sql,
  date,
  (random) => `${1 + random.below(12)}:${random.text('012345', 1)}${random.text(DIGITS, 1)}:${random.text('012345', 1)}${random.text(DIGITS, 1)}`,
  (random) => `${random.below(256)}.${random.below(256)}.${random.below(256)}.${random.below(256)}`,
  (random) => `#${random.text(HEX, 6)}`,
  (random) => `order ${random.text(DIGITS, 10)}`,
  logLine,
  userAgent,
  (random) => JSON.stringify({ id: random.below(1e6), title: title(random), tracks: random.below(30), explicit: false }),
  (random) => `${random.pick(VERBS)}_${random.pick(NOUNS)}`,
  (random) => random.text(ALPHANUMERIC, 21), // nanoid
  music,
  slug,
  master,
  catalogue,
  report,
] // prettier-ignore

const NOUNS = 'release artist track label store statement payout invoice split contract artwork playlist chart genre royalty master'.split(' ') // prettier-ignore
const VERBS = 'submitted accepted rejected delivered reviewed uploaded imported paid renewed cancelled opened changed'.split(' ') // prettier-ignore
const ADJECTIVES = 'new late final second missing quarterly weekly digital physical independent global best-selling'.split(' ') // prettier-ignore
const MARKS = '. , ; : ! ?'.split(' ')

function title(random: Random): string {
  return random.pick([
    'Harbour Lights',
    'Night Drive',
    'Copper & Glass',
    'What’s Left (Live)',
    'Öppna Dörrar',
    '7 Rings, 1 Bell',
  ])
}

/** Texts about music, in words that elsewhere name secrets. */
function music(random: Random): string {
  const bars = `${2 + random.below(11)}/${random.pick(['4', '8', '16'])}`
  return random.pick([
    () => `${random.pick(['Time Signature', 'Time signature', 'time signature'])}: ${bars}`,
    () =>
      `Key Signature: ${random.pick(['C', 'F sharp minor', 'B flat'])}, Time Signature: ${bars}, BPM: ${60 + random.below(120)}`,
    () => `${random.pick(['Low', 'High', 'Band', 'All'])} pass: ${random.below(9000)} Hz`,
    () => `Key: ${random.pick(['Am', 'C#', 'Ebmaj7'])}, Mode: Dorian`,
    () =>
      `${random.pick(['Boarding', 'Backstage', 'Festival', 'Season', 'VIP'])} pass: ${random.text(UPPER, 1)}${random.below(99)}`,
    () => `${random.pick(['Map', 'Enamel'])} pin: ${random.pick(['Stockholm', 'Berlin', '12'])}`,
    () => `Token of Love - ${1990 + random.below(35)} remaster`,
    () => `Passwords & Secrets (feat. ${random.pick(['Ines Marlow', 'Ana Lind'])})`,
    () => `${String(1 + random.below(19)).padStart(2, '0')} - Secret Garden (Live ${1990 + random.below(35)}).flac`,
    () => `The Pin Drop EP, track ${random.below(12)} of 12: Bearer of Bad News`,
    () => `PIN / Passcode (Radio Edit) [${1990 + random.below(35)}]`,
    () => `Cookie Jar, Session ${random.below(9)}, take ${random.below(30)}`,
    () => `Ableton Live ${9 + random.below(4)}.${random.below(4)}.${random.below(20)}: Session View, 48 kHz, 24 bit`,
  ])()
}

const PREFIXES = 'key- sk- sk_ pk- pk_ rk_ re_ re- SG. npm_ hf_ hf- r8_ xai- pypi- pplx- gsk_ tskey- signkey- AC- SK-'.split(' ') // prettier-ignore
const SLUG_WORDS = (
  'to my heart change demo mastered version recorded vocals instrumental mix sessions signature night drive remix live ' +
  'acoustic edit club harbour lights copper winter radio lifecycle script transfer upload release track'
).split(' ')

/** Words and years after what could begin a token, as in the addresses of releases. */
function slug(random: Random): string {
  const joint = random.pick(['-', '_', '.'])
  const words = Array.from({ length: 2 + random.below(19) }, () => random.pick(SLUG_WORDS)).join(joint)
  const tail = random.pick([
    '',
    `${joint}${1990 + random.below(35)}`,
    `${joint}v${random.below(9)}`,
    `${joint}${random.text(HEX, 8)}.js`,
  ])
  return `${random.pick(['/releases/', 'https://msc.example/', 'the-', ''])}${random.pick(PREFIXES)}${words}${tail}`
}

/** Names of files in a studio. */
function master(random: Random): string {
  const name = random.pick(SLUG_WORDS)
  return random.pick([
    () => `re_mastered_${name}_${1990 + random.below(35)}.wav`,
    () => `key-${name}-demo-v${random.below(9)}.aiff`,
    () => `${name}_24bit_96kHz_MASTER_v${random.below(9)}.wav`,
    () => `sk-${name}-stems-${random.below(30)}bpm.zip`,
    () => `/app/.next/static/chunks/key-${random.text(HEX, 12)}.js`,
    () => `    at play (/app/dist/assets/key-${name}-${random.text(HEX, 8)}.js:1:${random.below(900)})`,
    () =>
      `Samples/Imported/re_${name} ${random.below(99)} [${1990 + random.below(35)}-0${1 + random.below(9)}-12 101500]-1.wav`,
    () => `SG.${name}.${1990 + random.below(35)}.0${1 + random.below(9)}`,
  ])()
}

/** Reports of calls, fields and breadcrumbs, in which words such as `auth` name no secret. */
function report(random: Random): string {
  const id = random.below(1e6)
  const noun = random.pick(NOUNS)
  const name = random.pick(['Harbour Lights', 'Night Drive', 'Copper & Glass'])
  return random.pick([
    () => JSON.stringify({ level: 'info', args: [{ type: 'AUTH', user: `u_${id}` }], title: name }),
    () => JSON.stringify({ procedure: 'permissions.set', args: [noun, ['READ', 'AUTH', 'WRITE']], id }),
    () => JSON.stringify({ args: ['server wants SMTP AUTH', 'smtp.msc.example'], id }),
    () => JSON.stringify({ command: 'auth', args: ['login', '--provider', 'spotify'], ms: id }),
    () => JSON.stringify({ path: 'auth.refreshToken', type: 'mutation', input: { id, title: name } }),
    () => JSON.stringify({ type: 'missing', loc: ['body', 'password'], msg: 'Field required', input: { title: name } }),
    () => JSON.stringify({ path: ['Home', 'Albums', 'The Secret Garden'], data: { id }, value: id }),
    () => `{ path: 'session.list', input: { id: ${id} }, durationMs: ${random.below(900)} }`,
    () => `<li name="cookies">Cookies</li><li name="${noun}">${name.replace('&', 'and')}</li>`,
    () => `<label name="password">${random.pick(['Lösenord', 'Password', 'Kennwort'])}</label>`,
    () => `<string name="token_type_hint">At least ${8 + random.below(9)} characters</string>`,
    () => `<Metadata key="signature">${2 + random.below(11)}/4</Metadata>`,
  ])()
}

/** Numbers by which labels and stores identify a release. */
function catalogue(random: Random): string {
  return random.pick([
    () => `${random.text(UPPER, 3)} ${random.text(DIGITS, 4)}`,
    () => `${random.text(UPPER, 4)}-${random.text(DIGITS, 5)}`,
    () => `Cat. no. ${random.text(UPPER, 3)}${random.text(DIGITS, 3)}CD, UPC ${withGs1(random.text(DIGITS, 11))}`,
    () => `T-${random.text(DIGITS, 3)}.${random.text(DIGITS, 3)}.${random.text(DIGITS, 3)}-${random.text(DIGITS, 1)}`, // ISWC
    () => `ISRC: ${isrc(random)}; UPC: ${withGs1(random.text(DIGITS, 11))}; EAN: ${withGs1(random.text(DIGITS, 12))}`,
    () => `spotify:album:${random.text(ALPHANUMERIC, 22)}`,
    () => `GRid A1-2425G-${random.text(UPPER + DIGITS, 10)}-${random.text(UPPER, 1)}`,
  ])()
}

function prose(random: Random): string {
  return Array.from(
    { length: 1 + random.below(4) },
    () =>
      `The ${random.pick(ADJECTIVES)} ${random.pick(NOUNS)} was ${random.pick(VERBS)} by the ${random.pick(NOUNS)}${random.pick(MARKS)}`,
  ).join(' ')
}

function sentenceWithNumbers(random: Random): string {
  return `${random.below(200)} of ${random.below(2000)} tracks (${random.below(100)} %) were ${random.pick(VERBS)} in ${random.below(9000)} ms`
}

function epochMs(random: Random): string {
  return String(1_500_000_000_000 + random.below(400_000_000) * 1000 + random.below(1000))
}

function isrc(random: Random): string {
  return `${random.pick(['SE', 'GB', 'DE', 'US', 'FR'])}${random.text(UPPER + DIGITS, 3)}${random.text(DIGITS, 7)}`
}

function snowflake(random: Random): string {
  return `${1 + random.below(9)}${random.text(DIGITS, 16 + random.below(3))}`
}

function uuid(random: Random): string {
  return [8, 4, 4, 4, 12].map((length) => random.text(HEX, length)).join('-')
}

function path(random: Random): string {
  return random.pick([
    () => `/srv/app/src/${random.pick(NOUNS)}/${random.pick(NOUNS)}.ts`,
    () => `C:\\label\\masters\\${random.pick(NOUNS)}-${random.below(99)}.wav`,
    () => `/api/releases/${random.below(1e6)}/tracks`,
    () => `node_modules/.pnpm/next@16.${random.below(9)}.0_react@19.2.0/node_modules/next/dist/server.js`,
    () => `covers/${random.text(HEX, 12)}@2x.png`,
  ])()
}

function stackFrame(random: Random): string {
  const place = `${random.below(900)}:${random.below(90)}`
  return random.pick([
    () => `    at ${random.pick(NOUNS)}Reader.next (/srv/app/src/session/token.ts:${place})`,
    () => `    at async Promise.all (index ${random.below(9)})`,
    () =>
      `    at file:///srv/app/node_modules/.pnpm/vitest@5.1.1_vite@8.0.0/node_modules/vitest/dist/run.${random.text(ALPHANUMERIC, 8)}.js:${place}`,
    () => `    at Object.<anonymous> (webpack-internal:///(rsc)/./lib/password.ts:${place})`,
    () => `submit@https://msc.example/_next/static/chunks/${random.text(HEX, 12)}.js:${place}`,
    () => `    at node:internal/process/task_queues:${place}`,
  ])()
}

function version(random: Random): string {
  return (
    random.pick(['', 'v', 'web@', 'next@']) +
    `${random.below(30)}.${random.below(30)}.${random.below(30)}${random.pick(['', '-rc.1', '-beta.2'])}`
  )
}

function money(random: Random): string {
  return `${random.pick(['€', '$', 'SEK ', '£'])}${random.below(900)},${random.text(DIGITS, 3)}.${random.text(DIGITS, 2)}`
}

function url(random: Random): string {
  return random.pick([
    () => `https://msc.example/releases/${random.below(1e5)}?page=${random.below(9)}&sort=asc#tracks`,
    () => `http://localhost:3000/api/search?q=${encodeURIComponent(title(random))}&country=SE`,
    () => `https://cdn.msc.example/${uuid(random)}/cover.jpg?w=640&v=${random.text(HEX, 8)}`,
    () => `wss://realtime.msc.example/socket/websocket?vsn=1.0.0`,
    () => `https://open.spotify.com/track/${random.text(ALPHANUMERIC, 22)}?si=${random.text(HEX, 16)}`,
  ])()
}

function sql(random: Random): string {
  return random.pick([
    () =>
      `select id, title from ${random.pick(NOUNS)}s where owner_id = $1 and status = $2 order by created_at desc limit 50`,
    () => `update users set password = $1, updated_at = now() where id = $2`,
    () => `insert into sessions (id, token, user_id) values ($1, $2, $3) returning id`,
    () => `select count(*) from ${random.pick(NOUNS)}s where token = ? and deleted_at is null`,
  ])()
}

function date(random: Random): string {
  return new Date(1_500_000_000_000 + random.below(400_000_000) * 1000).toISOString()
}

function logLine(random: Random): string {
  return random.pick([
    () =>
      `level=info msg="${random.pick(NOUNS)} ${random.pick(VERBS)}" durationMs=${random.below(900)} status=200 traceId=${random.text(HEX, 32)}`,
    () =>
      `${date(random)} INFO [${random.pick(NOUNS)}] ${random.pick(VERBS)} in ${random.below(900)} ms: ${random.below(90)} rows`,
    () => `TypeError: Cannot read properties of undefined (reading '${random.pick(NOUNS)}')`,
    () => `SyntaxError: Unexpected token '<', "<!DOCTYPE "... is not valid JSON`,
    () =>
      `model=claude inputTokens=${random.below(9000)} output_tokens: ${random.below(900)} latency=${random.below(9000)}`,
    () => `TokenExpiredError: the session of the visitor has ended`,
    () => `code: ECONNREFUSED, host: 127.0.0.1, port: ${random.below(65_000)}`,
  ])()
}

function userAgent(random: Random): string {
  return `Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${random.below(140)}.0.0.0 Safari/537.36`
}

/**
 * Returns values that hold nothing secret, in equal shares of every kind: prose, barcodes (EAN-13, UPC-A), times in
 * milliseconds, ISRCs, 64-bit ids, UUIDs, hashes, paths, stack frames, versions, money, URLs, SQL without literals,
 * logs, titles, files and catalogue numbers of music, slugs that begin like tokens, reports of calls and fields.
 */
export function ordinaryValues(seed: number, count: number): unknown[] {
  const random = createRandom(seed)
  return Array.from({ length: count }, (_, index) =>
    (KINDS[index % KINDS.length] as (random: Random) => unknown)(random),
  )
}
