/** What one route of the app promises. The security tests hold this list against the build's manifest, and each promise against the route. */
export interface Entrance {
  /** As the manifest names it. */
  readonly route: string
  readonly kind: 'page' | 'json' | 'console' | 'file'
  readonly methods: readonly string[]
  /** `secret`: a machine that signs or carries a secret. */
  readonly identity: 'anybody' | 'user' | 'admin' | 'secret'
  /** A path that the route answers. */
  readonly path: string
  /** A body that is accepted, for methods that take one. */
  readonly body?: Readonly<Record<string, unknown>>
  /** Fields of the body whose text somebody chooses. */
  readonly texts?: readonly string[]
  /** The limit per account or address within a minute, where it is not that of the gate alone. */
  readonly calls?: number
}

const NOBODY = '00000000-0000-4000-8000-000000000000'

const page = (route: string, identity: Entrance['identity'], path = route): Entrance => ({
  route,
  kind: 'page',
  methods: ['GET'],
  identity,
  path,
})
const json = (
  route: string,
  methods: readonly string[],
  identity: Entrance['identity'],
  rest: Partial<Entrance> = {},
): Entrance => ({ route, kind: 'json', methods, identity, path: route, calls: 100, ...rest })

const release = {
  title: 'Entrance',
  artistName: 'Ines Valder',
  genre: 'Jazz',
  releaseDate: '2026-12-24',
  lyrics: 'Salt on the window',
}

export const ENTRANCES: readonly Entrance[] = [
  page('/', 'anybody'),
  page('/sign-in', 'anybody'),
  page('/account', 'user'),
  page('/releases', 'user'),
  page('/releases/new', 'user'),
  page('/releases/[id]', 'user', `/releases/${NOBODY}`),
  page('/subscription', 'user'),
  page('/admin/accounts', 'admin'),
  page('/admin/sign-ins', 'admin'),
  page('/admin/systems', 'admin'),
  page('/boom', 'admin'),
  page('/_not-found', 'anybody', '/nothing-here'),
  { route: '/devtools/[[...path]]', kind: 'console', methods: ['GET', 'POST'], identity: 'admin', path: '/devtools' },
  { route: '/icon.svg', kind: 'file', methods: ['GET'], identity: 'anybody', path: '/icon.svg' },
  json('/api/auth/sign-in', ['POST'], 'anybody', {
    body: { email: 'nobody@msc.example', password: 'wrong' },
    texts: ['email', 'password', 'next'],
    calls: 240,
  }),
  // Whoever may not sign out stays signed in: only the gate limits it.
  json('/api/auth/sign-out', ['POST'], 'anybody', { calls: Infinity }),
  json('/api/account/password', ['POST'], 'user', {
    body: { currentPassword: 'not this one', newPassword: 'a new password' },
    texts: ['currentPassword', 'newPassword'],
    calls: 60,
  }),
  json('/api/account/sessions', ['POST'], 'user', { body: {} }),
  json('/api/accounts/[id]/role', ['POST'], 'admin', {
    path: `/api/accounts/${NOBODY}/role`,
    body: { role: 'artist' },
    texts: ['role'],
  }),
  json('/api/cron/[name]', ['GET'], 'secret', { path: '/api/cron/daily-analytics' }),
  json('/api/health', ['GET'], 'anybody'),
  json('/api/inngest', ['GET', 'POST', 'PUT'], 'secret', { calls: Infinity }),
  json('/api/msc/[...path]', ['POST'], 'anybody', { path: '/api/msc/browser', body: { records: [] }, calls: 240 }),
  json('/api/notifications', ['GET'], 'user'),
  json('/api/notifications/read', ['POST'], 'user', { body: {} }),
  json('/api/realtime/token', ['POST'], 'user'),
  json('/api/releases', ['GET', 'POST'], 'user', {
    body: release,
    texts: ['title', 'artistName', 'genre', 'releaseDate', 'lyrics'],
  }),
  json('/api/releases/[id]', ['GET'], 'user', { path: `/api/releases/${NOBODY}` }),
  json('/api/releases/[id]/analysis', ['GET', 'POST'], 'user', {
    path: `/api/releases/${NOBODY}/analysis`,
    body: {},
  }),
  json('/api/releases/[id]/delete', ['POST'], 'user', { path: `/api/releases/${NOBODY}/delete`, body: {} }),
  json('/api/releases/[id]/status', ['POST'], 'user', {
    path: `/api/releases/${NOBODY}/status`,
    body: { to: 'submitted' },
    texts: ['to', 'note'],
  }),
]

/** Next.js shows it when nothing else can be shown; no address leads to it. */
export const UNREACHABLE = ['/_global-error']
