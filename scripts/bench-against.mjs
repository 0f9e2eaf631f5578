// `npm run bench:against -- <commit> <names…> [--rounds 3]` runs the benchmarks of this checkout and of an older commit
// in turn on the same machine, so that whatever slows one down slows the other down too. The commit is checked out,
// installed and built in a temporary folder; each side runs its own bench programs.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { figuresOf, median } from './lib/figures.mjs'
import { pinnedNode, pnpm, quietEnv, root } from './lib/pnpm.mjs'

const BUILD = ['exec', 'turbo', 'run', 'build', '--filter=bench^...']

if (process.argv[1] === fileURLToPath(import.meta.url)) await main()

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { rounds: { type: 'string', default: '3' } },
  })
  const [commit, ...names] = positionals
  const rounds = Number(values.rounds)
  if (commit === undefined || names.length === 0 || !(rounds > 0)) {
    console.error('Usage: npm run bench:against -- <commit> <names of benchmarks…> [--rounds 3]')
    process.exit(2)
  }
  const folder = mkdtempSync(join(tmpdir(), 'bench-against-'))
  try {
    await must('git', ['worktree', 'add', '--detach', folder, commit], { cwd: root })
    if (await pnpm(BUILD, { quiet: true })) throw new Error('This checkout could not be built.')
    await must('node', ['scripts/pnpm.mjs', 'install', '--frozen-lockfile', '--prefer-offline'], { cwd: folder })
    await must('node', ['scripts/pnpm.mjs', ...BUILD], { cwd: folder })
    const before = new Map()
    const after = new Map()
    for (let round = 0; round < rounds; round++) {
      // The side that runs second finds the machine warmer, so the sides take turns.
      const sides = [
        [folder, before],
        [root, after],
      ]
      for (const [cwd, figures] of round % 2 === 0 ? sides : sides.toReversed()) {
        console.log(`round ${round + 1} of ${rounds}: ${cwd === root ? 'this checkout' : commit}`)
        for (const name of names) collect(figures, await bench(cwd, name), name)
      }
    }
    report(before, after, rounds)
  } finally {
    await run('git', ['worktree', 'remove', '--force', folder], { cwd: root })
    rmSync(folder, { recursive: true, force: true })
  }
}

function collect(figures, output, bench) {
  for (const { name, figure } of figuresOf(output)) {
    const key = `${bench}: ${name}`
    figures.set(key, [...(figures.get(key) ?? []), figure])
  }
}

function report(before, after, rounds) {
  console.log(`\nMedians of ${rounds} rounds: before, after, after ÷ before (all figures in brackets)`)
  for (const [name, now] of after) {
    const then = before.get(name)
    const show = (figures) => `${median(figures).toFixed(2)} (${figures.map((each) => each.toFixed(2)).join(' ')})`
    const quotient = then === undefined ? '' : `   ${(median(now) / median(then)).toFixed(2)}`
    console.log(`  ${name}\n    ${then === undefined ? 'none' : show(then)}   ${show(now)}${quotient}`)
  }
}

/**
 * Resolves with what the benchmark printed. It exits with 1 when a limit is missed, which is no reason to stop
 * comparing.
 */
async function bench(cwd, name) {
  const { code, output } = await run(pinnedNode(), ['src/main.ts', name], { cwd: join(cwd, 'apps', 'bench') })
  if (code > 1 || figuresOf(output).length === 0) throw new Error(`${name} in ${cwd} ended with ${code}:\n${output}`)
  return output
}

async function must(command, args, options) {
  const { code, output } = await run(command, args, options)
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}:\n${output}`)
}

function run(command, args, { cwd }) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env: { ...process.env, ...quietEnv } })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ code: code ?? (signal ? 130 : 2), output }))
  })
}
