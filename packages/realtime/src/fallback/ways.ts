// Loaded together, by the driver, when a WebSocket could not be opened.
export { PollSocket } from './poll-socket.ts'
export { SseSocket } from './sse-socket.ts'
