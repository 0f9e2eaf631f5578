// Checks the package in the current folder as a consumer would see it, with publint, and with attw on the packed
// tarball.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const folder = mkdtempSync(join(tmpdir(), 'msc-pack-'))
let failed = false
const check = (command, args) => {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  if (status === 0) return
  failed = true
  console.error(`${command} ${args.join(' ')}\n${stdout}${stderr}`)
}
try {
  check('pnpm', ['pack', '--pack-destination', folder])
  const tarball = readdirSync(folder)[0]
  if (tarball) {
    check('publint', [join(folder, tarball), '--strict'])
    check('attw', [join(folder, tarball), '--profile', 'esm-only', '--no-emoji', '--format', 'ascii'])
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.exit(failed ? 1 : 0)
