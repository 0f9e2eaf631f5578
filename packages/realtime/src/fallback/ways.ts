import type { SocketConstructor } from '../phoenix/phoenix-socket.ts'
import { PollSocket } from './poll-socket.ts'
import { SseSocket } from './sse-socket.ts'

/** Loaded by the driver when a WebSocket could not be opened; in the order in which they are tried. */
export const ways: readonly SocketConstructor[] = [SseSocket, PollSocket]
