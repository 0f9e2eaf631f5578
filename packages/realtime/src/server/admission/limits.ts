import { assertNumbers, type NumberRule } from '@msc/core'
import { assertKnown } from '../assert-known.ts'

/**
 * What all connections and requests of one account, or of one address, may use together. Rates are averages: ten seconds'
 * worth of what is counted per second, and a minute's worth of what is counted per minute, may come at once.
 */
export interface HolderLimits {
  /** Open WebSockets. Default 20 an account, 50 an address. */
  readonly sockets: number
  /** Open event streams. Default 10 an account, 50 an address. */
  readonly eventStreams: number
  /** Joined topics of all sockets and streams. Default 400 an account, 2 000 an address. */
  readonly topics: number
  /** Joins in a minute, of sockets and streams. Default 100 an account, 600 an address. */
  readonly joinsPerMinute: number
  /** Frames in a second, whatever they say. Default 100 an account, 500 an address. */
  readonly framesPerSecond: number
  /** Bytes of frames in a second. Default 256 KiB an account, 1 MiB an address. */
  readonly frameBytesPerSecond: number
  /** Changes of presence in a second. Default 20 an account, 100 an address. */
  readonly presencePerSecond: number
  /** HTTP requests in a minute, connections included. Default 600 an account, 3 000 an address. */
  readonly requestsPerMinute: number
  /** Bytes of HTTP bodies in a minute. Default 4 MiB an account, 16 MiB an address. */
  readonly requestBytesPerMinute: number
  /** Messages of REST broadcasts in a minute. Default 300 an account, 1 000 an address. */
  readonly messagesPerMinute: number
  /** Reads of a feed's history in a minute, over HTTP and over sockets. Default 200 an account, 1 000 an address. */
  readonly feedReadsPerMinute: number
}

export interface Limits {
  /** Default 10 000. */
  readonly connections: number
  /** Of one connection. Default 100. */
  readonly topics: number
  /** Bytes of one frame, and of one HTTP body; a larger one is refused. Default 256 KiB. */
  readonly frameBytes: number
  /** Frames of one connection in a second, averaged over ten. Default 100. */
  readonly framesPerSecond: number
  /** Bytes of a state in presence, as JSON. Default 8 KiB. */
  readonly presenceBytes: number
  /** Members of one room that may have a state in presence. Default 5 000. */
  readonly presencePerRoom: number
  /**
   * Bytes of all states of one room, which whoever comes is sent at once: keep it well below `bufferedBytes`. Default 1 MiB.
   */
  readonly presenceRoomBytes: number
  /** Changes of presence of one connection in a second, averaged over ten. Default 10. */
  readonly presencePerSecond: number
  /** Bytes that wait for a slow consumer before it is dropped. Default 4 MiB. */
  readonly bufferedBytes: number
  /** Milliseconds between pings; a connection that misses one is dropped. Default 30 000. */
  readonly pingMs: number
  /** Messages of one REST broadcast; a request with more is answered 413. Default 100. */
  readonly messagesPerRequest: number
  /** Accounts, and as many addresses, that are remembered while they have nothing open. Default 10 000. */
  readonly remembered: number
  /** Accounts and sessions whose tokens were taken back; with more, the oldest are forgotten. Default 10 000. */
  readonly revocations: number
  /** Of one account, the `sub` of a token; `false` for none. */
  readonly perAccount: HolderLimits | false
  /**
   * Of one address, for accounts and anonymous visitors alike; `false` for none. People behind one router share these, so
   * raise them where a whole office does.
   */
  readonly perAddress: HolderLimits | false
}

/** Limits as they are configured: what is left out has its default. */
export type LimitOptions = Partial<Omit<Limits, 'perAccount' | 'perAddress'>> & {
  readonly perAccount?: Partial<HolderLimits> | false
  readonly perAddress?: Partial<HolderLimits> | false
}

const MIB = 1024 * 1024

const perAccount: HolderLimits = {
  sockets: 20,
  eventStreams: 10,
  topics: 400,
  joinsPerMinute: 100,
  framesPerSecond: 100,
  frameBytesPerSecond: 256 * 1024,
  presencePerSecond: 20,
  requestsPerMinute: 600,
  requestBytesPerMinute: 4 * MIB,
  messagesPerMinute: 300,
  feedReadsPerMinute: 200,
}

const perAddress: HolderLimits = {
  sockets: 50,
  eventStreams: 50,
  topics: 2000,
  joinsPerMinute: 600,
  framesPerSecond: 500,
  frameBytesPerSecond: MIB,
  presencePerSecond: 100,
  requestsPerMinute: 3000,
  requestBytesPerMinute: 16 * MIB,
  messagesPerMinute: 1000,
  feedReadsPerMinute: 1000,
}

const defaultLimits: Limits = {
  connections: 10_000,
  topics: 100,
  frameBytes: 256 * 1024,
  framesPerSecond: 100,
  presenceBytes: 8 * 1024,
  presencePerRoom: 5000,
  presenceRoomBytes: MIB,
  presencePerSecond: 10,
  bufferedBytes: 4 * MIB,
  pingMs: 30_000,
  messagesPerRequest: 100,
  remembered: 10_000,
  revocations: 10_000,
  perAccount,
  perAddress,
}

/** `Infinity` is no limit. A rate may have a fraction: below one it gives nothing. */
const UNBOUNDED: NumberRule = { least: 0, most: Infinity, fraction: true }
const LEAST: Readonly<Record<keyof Omit<Limits, 'perAccount' | 'perAddress'>, number | NumberRule>> = {
  connections: UNBOUNDED,
  topics: UNBOUNDED,
  frameBytes: 1,
  framesPerSecond: UNBOUNDED,
  presenceBytes: UNBOUNDED,
  presencePerRoom: UNBOUNDED,
  presenceRoomBytes: UNBOUNDED,
  presencePerSecond: UNBOUNDED,
  bufferedBytes: UNBOUNDED,
  pingMs: 1,
  messagesPerRequest: 1,
  remembered: 1,
  revocations: 1,
}
const LEAST_HELD = Object.fromEntries(Object.keys(perAccount).map((name) => [name, UNBOUNDED]))

const namesOf = (standard: object): Readonly<Record<string, true>> =>
  Object.fromEntries(Object.keys(standard).map((name) => [name, true]))

/** @throws ConfigError `OPTION_INVALID` for a limit that is no number, and for one that there is not. */
export function limitsFrom(options: LimitOptions = {}): Limits {
  assertNumbers('realtime', options, LEAST, 'limits')
  assertKnown(options, namesOf(defaultLimits), 'limits')
  const held = (option: 'perAccount' | 'perAddress', standard: HolderLimits): HolderLimits | false => {
    const given = options[option]
    if (given === false) return false
    if (given !== undefined) {
      assertNumbers('realtime', given, LEAST_HELD, `limits.${option}`)
      assertKnown(given, namesOf(standard), `limits.${option}`)
    }
    return withDefaults(standard, given)
  }
  const { perAccount: _account, perAddress: _address, ...rest } = options
  return {
    ...withDefaults(defaultLimits, rest),
    perAccount: held('perAccount', perAccount),
    perAddress: held('perAddress', perAddress),
  }
}

/** A limit that is `undefined` has its default too: as `NaN` does, it would compare as no limit at all. */
function withDefaults<T extends object>(standard: T, given: Partial<T> = {}): T {
  return { ...standard, ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) }
}
