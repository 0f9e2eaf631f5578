/** Next.js runs this once, before the first request. */
export async function register(): Promise<void> {
  if (process.env['NEXT_RUNTIME'] === 'nodejs') await (await import('./lib/boot.ts')).boot()
}

/** Next.js calls this with every error that escapes a page, a route or an action. */
export async function onRequestError(...args: unknown[]): Promise<void> {
  if (process.env['NEXT_RUNTIME'] !== 'nodejs') return
  const { onRequestError: report } = await import('@msc/monitoring/next')
  await report(...(args as Parameters<typeof report>))
}
