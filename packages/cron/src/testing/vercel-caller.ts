import type { VercelManifest } from '../manifest.ts'

export interface VercelCallerOptions {
  readonly manifest: VercelManifest
  /** The origin of the deployment. */
  readonly baseUrl: string
  readonly secret: string
  readonly fetch?: typeof fetch
}

/** Stands in for Vercel: calls the manifest's routes as its cron does. */
export interface VercelCaller {
  /** Calls the route of one entry; its path must be in the manifest, since Vercel calls no other. */
  trigger(path: string): Promise<Response>
}

export function createVercelCronCaller(options: VercelCallerOptions): VercelCaller {
  const { manifest, baseUrl, secret, fetch: send = fetch } = options
  return {
    async trigger(path) {
      const entry = manifest.crons.find((each) => each.path === path)
      if (!entry) throw new Error(`The manifest has no cron job with the path ${path}`)
      return send(new URL(path, baseUrl), {
        // Vercel takes a redirect for the final answer.
        redirect: 'manual',
        headers: {
          authorization: `Bearer ${secret}`,
          'user-agent': 'vercel-cron/1.0',
          'x-vercel-cron-schedule': entry.schedule,
        },
      })
    },
  }
}
