// Type-checks programs of READMEs as files of an application.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pinnedNode } from '../lib/pnpm.mjs'
import { run } from '../packages/run.mjs'

/** Returns the path to which a program is written. */
export function fileOf(program) {
  return program.file ?? `line-${program.line}.${program.language}`
}

/** Writes a program into a folder; returns its path. */
export function writeProgram(folder, program) {
  const path = join(folder, fileOf(program))
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, program.text)
  return path
}

/**
 * @param {{ folder: string, files: string[], tsc: string, conditions?: string[] }} options `files` relative to `folder`
 * @throws Error with all of the compiler's messages.
 */
export async function typecheckFiles({ folder, files, tsc, conditions = [] }) {
  if (files.length === 0) return
  writeFileSync(
    join(folder, 'tsconfig.readme.json'),
    JSON.stringify({
      compilerOptions: {
        target: 'es2024',
        lib: ['es2024', 'dom', 'dom.iterable', 'esnext.disposable'],
        module: 'esnext',
        moduleResolution: 'bundler',
        moduleDetection: 'force',
        jsx: 'react-jsx',
        strict: true,
        verbatimModuleSyntax: true,
        // Node runs the blocks by stripping their types.
        erasableSyntaxOnly: true,
        skipLibCheck: true,
        allowImportingTsExtensions: true,
        noEmit: true,
        types: ['node'],
        customConditions: conditions,
      },
      files,
    }),
  )
  await run(pinnedNode(), [tsc, '-p', 'tsconfig.readme.json', '--pretty', 'false'], { cwd: folder, seconds: 240 })
}
