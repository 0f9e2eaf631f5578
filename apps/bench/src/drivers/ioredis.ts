/** The client itself: what our driver is measured against, and what peers are given. */
export { Redis } from 'ioredis'
