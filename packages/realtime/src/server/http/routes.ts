import type { HolderLimits } from '../admission/limits.ts'

export type RouteName =
  | 'health'
  | 'metrics'
  | 'websocket'
  | 'events'
  | 'frames'
  | 'pollOpen'
  | 'poll'
  | 'pollFrames'
  | 'broadcast'
  | 'broadcastOne'
  | 'since'

/** One address that the server answers. */
export interface RealtimeRoute {
  readonly name: RouteName
  readonly method: 'GET' | 'HEAD' | 'POST'
  /** `{base}` is the server's own path, `/realtime/v1` unless it was given another; other names stand for one segment. */
  readonly path: string
  /**
   * Who may call it. `none`: anybody. `token`: the holder of a valid token whose session goes on. `stream`: whoever was told
   * the secret name of an open event stream or poll. `service`: the service role, and whoever the application lets in.
   */
  readonly identity: 'none' | 'token' | 'stream' | 'service'
  /** The limits that a caller uses up there, of its account and of its address; the others are in `limits` too. */
  readonly limits: readonly (keyof HolderLimits)[]
  /** A WebSocket upgrade, which is no request that the others are. */
  readonly upgrade?: true
}

/**
 * Everything that the server answers. It is what requests are dispatched by, so what is missing here is a 404; a security
 * suite can walk it.
 */
export const REALTIME_ROUTES: readonly RealtimeRoute[] = [
  { name: 'health', method: 'GET', path: '{base}/health', identity: 'none', limits: ['requestsPerMinute'] },
  { name: 'health', method: 'HEAD', path: '{base}/health', identity: 'none', limits: ['requestsPerMinute'] },
  { name: 'metrics', method: 'GET', path: '{base}/metrics', identity: 'service', limits: ['requestsPerMinute'] },
  {
    // Without `apikey` in the address its first frame brings the token, and nothing is done before that.
    name: 'websocket',
    method: 'GET',
    path: '{base}/websocket',
    identity: 'token',
    limits: [
      'requestsPerMinute',
      'sockets',
      'topics',
      'joinsPerMinute',
      'framesPerSecond',
      'frameBytesPerSecond',
      'presencePerSecond',
      'feedReadsPerMinute',
    ],
    upgrade: true,
  },
  {
    name: 'events',
    method: 'GET',
    path: '{base}/events',
    identity: 'token',
    limits: ['requestsPerMinute', 'eventStreams', 'topics', 'joinsPerMinute', 'feedReadsPerMinute'],
  },
  {
    name: 'frames',
    method: 'POST',
    path: '{base}/events/{stream}',
    identity: 'stream',
    limits: [
      'requestsPerMinute',
      'requestBytesPerMinute',
      'framesPerSecond',
      'frameBytesPerSecond',
      'presencePerSecond',
    ],
  },
  {
    name: 'pollOpen',
    method: 'POST',
    path: '{base}/poll',
    identity: 'token',
    limits: ['requestsPerMinute', 'eventStreams'],
  },
  {
    name: 'poll',
    method: 'GET',
    path: '{base}/poll/{stream}',
    identity: 'stream',
    limits: ['requestsPerMinute'],
  },
  {
    name: 'pollFrames',
    method: 'POST',
    path: '{base}/poll/{stream}',
    identity: 'stream',
    limits: ['requestsPerMinute', 'requestBytesPerMinute', 'framesPerSecond', 'frameBytesPerSecond'],
  },
  {
    name: 'broadcast',
    method: 'POST',
    path: '{base}/api/broadcast',
    identity: 'token',
    limits: ['requestsPerMinute', 'requestBytesPerMinute', 'messagesPerMinute'],
  },
  {
    name: 'broadcastOne',
    method: 'POST',
    path: '{base}/api/broadcast/{topic}/events/{event}',
    identity: 'token',
    limits: ['requestsPerMinute', 'requestBytesPerMinute', 'messagesPerMinute'],
  },
  {
    name: 'since',
    method: 'POST',
    path: '/rest/v1/rpc/msc_feed_since',
    identity: 'token',
    limits: ['requestsPerMinute', 'requestBytesPerMinute', 'feedReadsPerMinute'],
  },
]

interface Matched {
  readonly route: RealtimeRoute | undefined
  /** What the address takes, for whoever used another method. */
  readonly allow: readonly string[]
  /** Decoded; `undefined` for what can't be. */
  readonly params: Readonly<Record<string, string | undefined>>
}

export type MatchRoute = (method: string, pathname: string) => Matched | undefined

/** @returns What finds the route of a request; `undefined` for an address that is not the server's. */
export function createMatchRoute(base: string): MatchRoute {
  const patterns = REALTIME_ROUTES.map((route) => ({ route, segments: route.path.replace('{base}', base).split('/') }))
  return (method, pathname) => {
    const given = pathname.split('/')
    const found = patterns.filter(
      ({ segments }) =>
        segments.length === given.length &&
        segments.every((segment, index) => (isParam(segment) ? given[index] !== '' : segment === given[index])),
    )
    const [first] = found
    if (!first) return undefined
    return {
      route: found.find(({ route }) => route.method === method)?.route,
      allow: found.map(({ route }) => route.method),
      params: Object.fromEntries(
        first.segments.flatMap((segment, index) =>
          isParam(segment) ? [[segment.slice(1, -1), decoded(given[index])] as const] : [],
        ),
      ),
    }
  }
}

const isParam = (segment: string): boolean => segment.startsWith('{')

function decoded(part: string | undefined): string | undefined {
  try {
    return decodeURIComponent(part ?? '')
  } catch {
    return undefined
  }
}
