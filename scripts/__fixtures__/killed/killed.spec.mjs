import { it } from 'vitest'

// As a system without memory ends a process.
it('ends its process', () => new Promise(() => process.kill(process.pid, 'SIGKILL')))
