import { existsSync, readdirSync, watch } from 'node:fs'
import { join } from 'node:path'

/**
 * How long to wait for another change before a build begins, in milliseconds: an editor writes a file in several steps.
 */
const SETTLE_MS = 100

/**
 * Calls `onChange` with the packages whose sources changed, one call at a time: a change during one call is in the
 * next. Packages of a call that rejects are in the next one too, so that a mended build brings all that was edited.
 * @param {string} root the folder that contains `packages/`
 * @param {(packages: string[]) => Promise<void>} onChange
 * @returns {() => void} stops watching
 */
export function watchPackages(root, onChange) {
  const changed = new Set()
  let timer
  let running = false
  let stopped = false

  const settle = () => {
    clearTimeout(timer)
    timer = setTimeout(() => void flush(), SETTLE_MS)
  }
  const flush = async () => {
    if (running || stopped || changed.size === 0) return
    running = true
    const packages = [...changed].sort()
    const failed = []
    changed.clear()
    try {
      await onChange(packages)
    } catch (error) {
      console.error(error instanceof Error ? error.message : error)
      failed.push(...packages)
    }
    running = false
    const more = changed.size > 0
    for (const name of failed) changed.add(name)
    // A failed build is tried again with the next edit, not by itself.
    if (more) settle()
  }

  const watchers = readdirSync(join(root, 'packages'))
    .filter((name) => existsSync(join(root, 'packages', name, 'src')))
    .map((name) =>
      watch(join(root, 'packages', name, 'src'), { recursive: true }, (_event, file) => {
        if (stopped || !/\.tsx?$/.test(file ?? '') || /\.test\.tsx?$/.test(file)) return
        changed.add(name)
        settle()
      }),
    )
  return () => {
    stopped = true
    clearTimeout(timer)
    for (const watcher of watchers) watcher.close()
  }
}
