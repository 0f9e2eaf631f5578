// A small program that uses the platform and ends in the way that its first argument names.
import { trackServerEvent } from '@msc/analytics'
import { setJournal } from '@msc/core'
import { captureException } from '@msc/monitoring'
import { createFileJournal } from '../journal/file-journal.ts'

const [how, folder = ''] = process.argv.slice(2)
setJournal(createFileJournal({ dir: folder }))

captureException(new Error('captured last'))
void trackServerEvent('ana', 'tracked last', { how })

if (how === 'exitCode') process.exitCode = 3
if (how === 'exit') process.exit(4)
if (how === 'uncaught') throw new RangeError('nobody caught this')
if (how === 'unhandled') void Promise.reject(new RangeError('nobody caught this'))
if (how === 'SIGTERM') {
  // Keeps the process alive until it is stopped.
  setInterval(() => undefined, 60_000)
  process.stdout.write('ready\n')
}
