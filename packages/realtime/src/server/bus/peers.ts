import type { BusFrame } from '../../bus/frame.ts'

/** Another process, as it was heard. */
export interface Peer {
  readonly id: string
  readonly isPublisher: boolean
  /** Of its last frame. */
  last: number
  /** When that came, in monotonic milliseconds. */
  heardAt: number
}

/** What a frame is to whoever hears it. `missed`: something before it is missing. `known`: it was here, or comes too late. */
type Arrival = { readonly peer: Peer; readonly kind: 'next' | 'missed' | 'new' } | { readonly kind: 'known' }

/** Milliseconds without a word after which a server counts as gone. */
const SILENCE_MS = 15_000
/** Processes that are remembered after they were gone, by their last number. */
const REMEMBERED = 1000

/** Which processes there are, and which frames of theirs have come. */
export interface Peers {
  readonly size: number
  /** As a server; `undefined` for one that was never heard, or is forgotten. */
  isThere(id: string): boolean | undefined
  /** @param settled This process hears for long enough to have heard of all that were there before it. */
  arrive(frame: BusFrame, now: number, settled: boolean): Arrival
  /** Those that have members. */
  servers(): readonly string[]
  /** Takes one out, and remembers where it was. */
  forget(id: string): void
  /** Those who have said nothing for too long. */
  silent(now: number): readonly string[]
  /** Counts everybody as heard: this process was not able to hear. */
  excuse(now: number): void
}

export function createPeers(): Peers {
  const peers = new Map<string, Peer>()
  const gone = new Map<string, number>()
  return {
    get size() {
      return peers.size
    },
    servers: () => [...peers.values()].filter(({ isPublisher }) => !isPublisher).map(({ id }) => id),
    isThere(id) {
      const peer = peers.get(id)
      // One that only publishes has nothing that could be asked about.
      return peer ? !peer.isPublisher : gone.has(id) ? false : undefined
    },
    arrive({ from, number, isPublisher }, now, settled) {
      const known = peers.get(from)
      const last = known?.last ?? gone.get(from)
      if (last !== undefined && number <= last) return { kind: 'known' }
      const peer: Peer = known ?? { id: from, isPublisher, last: number, heardAt: now }
      peer.last = number
      peer.heardAt = now
      peers.set(from, peer)
      gone.delete(from)
      if (last !== undefined && number !== last + 1) return { peer, kind: 'missed' }
      if (known) return { peer, kind: 'next' }
      // A publisher begins with nothing that could have been missed here; a server that began before it was heard had.
      const isLate = last === undefined && settled && number > 1 && !isPublisher
      return { peer, kind: isLate ? 'missed' : 'new' }
    },
    forget(id) {
      const peer = peers.get(id)
      if (!peer) return
      peers.delete(id)
      gone.set(id, peer.last)
      for (const [oldest] of gone) {
        if (gone.size <= REMEMBERED) return
        gone.delete(oldest)
      }
    },
    silent: (now) => [...peers.values()].filter(({ heardAt }) => now - heardAt >= SILENCE_MS).map(({ id }) => id),
    excuse(now) {
      for (const peer of peers.values()) peer.heardAt = now
    },
  }
}
