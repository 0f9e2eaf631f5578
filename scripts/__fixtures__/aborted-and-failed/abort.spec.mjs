import { it } from 'vitest'

// As V8 ends a process that it aborts.
it('ends its process', () => new Promise(() => process.kill(process.pid, 'SIGTRAP')))
