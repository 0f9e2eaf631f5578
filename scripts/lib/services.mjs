import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Programs that tests really run, with the Debian package that contains each. */
const programs = [
  {
    command: 'redis-server',
    debian: 'redis-server',
    skip: 'MSC_SKIP_REDIS',
    uses: 'the cache tests over a real Redis',
  },
  {
    command: 'initdb',
    debian: 'postgresql',
    skip: 'MSC_SKIP_POSTGRES',
    uses: 'the jobs tests over a real Postgres',
  },
  { command: 'chromium', debian: 'chromium', skip: 'MSC_SKIP_BROWSER', uses: 'the browser tests' },
]

/** Returns the PATH and the folders in which Debian keeps Postgres's programs. */
function folders() {
  const debian = '/usr/lib/postgresql'
  const versions = existsSync(debian) ? readdirSync(debian) : []
  return [...(process.env.PATH ?? '').split(delimiter), ...versions.map((version) => join(debian, version, 'bin'))]
}

const onPath = (command) => folders().some((folder) => existsSync(join(folder, command)))

/**
 * Installs missing programs if possible (as root on Debian), or else prints how to.
 * @param {{ required: boolean }} options
 * @returns {{ ok: boolean, env: Record<string, string> }} `env` tells the tests what to skip.
 */
export function services({ required }) {
  const missing = () => programs.filter(({ command }) => !onPath(command))
  if (missing().length > 0 && process.getuid?.() === 0 && onPath('apt-get')) {
    const packages = missing().map(({ debian }) => debian)
    console.log(`Installing ${packages.join(', ')} …`)
    const apt = (...args) =>
      spawnSync('apt-get', args, {
        stdio: ['ignore', 'ignore', 'inherit'],
        env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      })
    apt('update', '-qq')
    apt('install', '-y', '-qq', '--no-install-recommends', ...packages)
  }
  const env = {}
  for (const { command, debian, skip, uses } of missing()) {
    console.error(
      `${command} is missing: ${required ? 'required for' : 'skipping'} ${uses}. On Debian: sudo apt-get install ${debian}`,
    )
    env[skip] = '1'
  }
  return { ok: !required || missing().length === 0, env }
}
