import { lazyDriver } from '@msc/core'
import type { JobHost, JobsDriver, JobsObserver } from '../driver.ts'

type Declared = Pick<JobsDriver, 'name' | 'endpoint' | 'variables' | 'capabilities'>

/**
 * A driver whose code is loaded with its first call.
 *
 * @param has The optional members that it has, since an engine reads them before.
 */
export function lazyJobsDriver(
  declared: Declared,
  has: readonly ('sendIn' | 'handler' | 'observe' | 'observe.runs')[],
  load: () => Promise<JobsDriver>,
): JobsDriver {
  let host: JobHost | undefined
  const { method, part, health, close } = lazyDriver<Required<JobsDriver>>(declared.name, async () => {
    const driver = await load()
    if (host) driver.bind(host)
    return driver as Required<JobsDriver>
  })
  const observer = part(({ observe }) => observe as Required<JobsObserver>)
  return {
    specificationVersion: 1,
    ...declared,
    bind(given) {
      host = given
    },
    send: method('send'),
    start: method('start'),
    ...(has.includes('sendIn') && { sendIn: method('sendIn') }),
    ...(has.includes('handler') && { handler: method('handler') }),
    ...(has.includes('observe.runs') && { observe: { runs: observer('runs') } }),
    ...(has.includes('observe') && {
      observe: {
        runs: observer('runs'),
        run: observer('run'),
        cancel: observer('cancel'),
        replay: observer('replay'),
        depth: observer('depth'),
        pause: observer('pause'),
      },
    }),
    health,
    close,
  }
}

/** The embedded engine over a store, neither of which is loaded yet. */
export function lazyEmbedded(
  declared: Omit<Declared, 'capabilities'>,
  has: readonly ('sendIn' | 'observe')[],
  openStore: () => Promise<Parameters<typeof import('./embedded.ts').embedded>[0]['store']>,
): JobsDriver {
  return lazyJobsDriver({ ...declared, capabilities: { selfDriven: true } }, has, async () => {
    const [{ embedded }, store] = await Promise.all([import('./embedded.ts'), openStore()])
    return embedded({ store })
  })
}
