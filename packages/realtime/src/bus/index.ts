export type { BusHandlers, RealtimeBus } from './bus.ts'
export { createMemoryBusHub, memoryBus, type MemoryBus, type MemoryBusHub } from './memory.ts'
export { postgresBus, type PostgresBusOptions } from './postgres.ts'
export { publishing, type BusPublisher, type PublisherOptions } from './publisher.ts'
