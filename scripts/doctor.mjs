// `npm run doctor [-- options]` runs `msc doctor` over the app. It installs and builds first what is missing, and ends with
// the doctor's own exit code. Only the doctor writes to standard output, which may be JSON.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { packageFolders } from './lib/entries.mjs'
import { pinnedNode, pnpm, root, run } from './lib/pnpm.mjs'
import { install } from './lib/setup.mjs'

const built = () => packageFolders().every((name) => existsSync(join(root, 'packages', name, 'dist')))

if (!existsSync(join(root, 'node_modules')) || !built()) {
  console.error('Preparing: installing and building what is missing …')
  const ready =
    (await install(console.error)) === 0 &&
    (await pnpm(['turbo', 'run', 'build', '--filter=./packages/*', '--output-logs=errors-only'], { quiet: true })) === 0
  if (!ready) process.exit(2)
}
const cli = join(root, 'packages', 'platform', 'bin', 'msc.mjs')
process.exitCode = await run(pinnedNode(), [cli, 'doctor', ...process.argv.slice(2)], {
  cwd: join(root, 'apps', 'web'),
})
