// `npm start` installs, builds, and serves the app with the embedded drivers. `npm run dev` does so with hot reload. It
// runs on the host's Node (20 or later); the app itself runs on the pinned one.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { pinnedNode, quietEnv, root, run } from './lib/pnpm.mjs'
import { portIsFree, wantedPort } from './lib/ports.mjs'
import { build, install } from './lib/setup.mjs'
import { watchPackages } from './lib/watch-packages.mjs'

const dev = process.argv.includes('--dev')
const port = wantedPort()
if (port === undefined) fail(`PORT=${process.env.PORT} is not a port. Use a number from 1 to 65535.`)
if (!(await portIsFree(port))) {
  // Another port alone would not do: two apps must not write to one data folder.
  const other = port === 65_535 ? 3000 : port + 1
  fail(
    `Port ${port} is in use. Stop what listens there, or run a second app beside it: PORT=${other} MSC_DATA_DIR=.data-${other} npm ${dev ? 'run dev' : 'start'}`,
  )
}

if ((await install()) !== 0) fail('Installing the dependencies failed; its output is above.')
if ((await build()) !== 0) fail('The build failed; its output is above.')

let stopping = false
/** True once an edited package has been rebuilt. From then on the end of the server does not end this command. */
let edited = false
let restarting = false
let server = serve()
// A terminal's Ctrl-C reaches the server by itself; this forwards a signal that only this process gets.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    stopping = true
    if (server) server.kill(signal)
    // Nothing runs after a failed start, and during a restart `rebuild` ends this process.
    else if (!restarting) process.exit(130)
  })
}
if (dev) watchPackages(root, rebuild)

function serve() {
  const child = spawn(pinnedNode(), ['server/main.ts'], {
    cwd: join(root, 'apps', 'web'),
    stdio: ['ignore', 'inherit', 'inherit'],
    env: {
      ...process.env,
      ...quietEnv,
      NODE_ENV: dev ? 'development' : 'production',
      PORT: String(port),
      // This command runs the app on one's own machine, where embedded drivers and known accounts are right.
      MSC_PROFILE: process.env.MSC_PROFILE ?? 'local',
      MSC_ALLOW_EMBEDDED: process.env.MSC_ALLOW_EMBEDDED ?? '1',
      // The banner already names the drivers.
      MSC_QUIET: process.env.MSC_QUIET ?? '1',
    },
  })
  child.once('error', (error) => fail(`The server could not be started: ${error.message}`))
  child.once('exit', (code, signal) => {
    if (child !== server) return
    if (stopping || !edited) process.exit(code ?? (signal ? 130 : 1))
    // An edit can break the start, and the next one mends it.
    server = undefined
    console.error('The server ended; it starts again after the next edit of a package. Ctrl-C ends this command.')
  })
  return child
}

/** Builds the edited packages, without their types, and restarts the server, which has loaded the old ones. */
async function rebuild(packages) {
  for (const name of packages) {
    const args = [join(root, 'scripts', 'build-package.mjs'), '--javascript']
    const status = await run(pinnedNode(), args, { cwd: join(root, 'packages', name), quiet: true })
    // The failed build has printed why.
    if (status !== 0) throw new Error(`@msc/${name} was not built; the server continues with the older packages.`)
  }
  if (stopping) return
  console.log(`Rebuilt ${packages.map((name) => `@msc/${name}`).join(', ')}; starting again …`)
  edited = true
  const old = server
  server = undefined
  if (old) {
    restarting = true
    const gone = once(old, 'exit')
    old.kill('SIGTERM')
    await gone
    restarting = false
    if (stopping) process.exit(130)
  }
  server = serve()
}

function fail(message) {
  console.error(`\n${message}`)
  process.exit(1)
}
