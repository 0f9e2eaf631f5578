// `npm start`: installs, builds, and serves the app with the embedded drivers. `npm run dev` does so with hot reload.
// Runs on the host's Node (20 or later); the app itself runs on the pinned one.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { pinnedNode, quietEnv, root } from './lib/pnpm.mjs'
import { portIsFree, wantedPort } from './lib/ports.mjs'
import { build, install } from './lib/setup.mjs'

const dev = process.argv.includes('--dev')
const port = wantedPort()
if (port === undefined) fail(`PORT=${process.env.PORT} is not a port. Use a number from 1 to 65535.`)
if (!(await portIsFree(port))) {
  fail(
    `Port ${port} is in use. Stop what listens there, or choose another: PORT=${port === 65_535 ? 3000 : port + 1} npm ${dev ? 'run dev' : 'start'}`,
  )
}

if ((await install()) !== 0) fail('Installing the dependencies failed; its output is above.')
if ((await build()) !== 0) fail('The build failed; its output is above.')

const server = spawn(pinnedNode(), ['server/main.ts'], {
  cwd: join(root, 'apps', 'web'),
  stdio: ['ignore', 'inherit', 'inherit'],
  env: {
    ...process.env,
    ...quietEnv,
    NODE_ENV: dev ? 'development' : 'production',
    PORT: String(port),
    // One machine on purpose: that is what this command is for.
    MSC_ALLOW_EMBEDDED: process.env.MSC_ALLOW_EMBEDDED ?? '1',
    // The banner says which drivers run.
    MSC_QUIET: process.env.MSC_QUIET ?? '1',
  },
})
// A terminal's Ctrl-C reaches the server by itself; forwarding covers a signal sent to this process alone.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => server.kill(signal))
server.once('error', (error) => fail(`The server could not be started: ${error.message}`))
server.once('exit', (code, signal) => process.exit(code ?? (signal ? 130 : 1)))

function fail(message) {
  console.error(`\n${message}`)
  process.exit(1)
}
