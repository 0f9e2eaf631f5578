import { readFile, readdir, realpath } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { InstalledCopy } from '../checks/duplicates.ts'

interface Manifest {
  readonly name?: string
  readonly version?: string
  readonly engines?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

const require: NodeJS.Require = createRequire(import.meta.url)

/** Returns the manifest of a package that this one depends on, and its folder. */
export async function manifestOf(name: string): Promise<{ readonly manifest: Manifest; readonly folder: string }> {
  const path = await realpath(require.resolve(`${name}/package.json`))
  return { manifest: JSON.parse(await readFile(path, 'utf8')) as Manifest, folder: dirname(path) }
}

/**
 * Returns the version of a package that code in `folder` would load.
 *
 * @returns `undefined` when the package is missing, `unknown` when it can be loaded but its manifest can't be read.
 */
export async function installedVersion(folder: string, name: string): Promise<string | undefined> {
  for (const above of ancestorsOf(folder)) {
    const manifest = await readManifest(join(above, 'node_modules', name))
    if (manifest) return manifest.version ?? 'unknown'
  }
  try {
    // The installation has no folders, such as Yarn's Plug'n'Play.
    createRequire(join(folder, 'package.json')).resolve(name)
    return 'unknown'
  } catch (error) {
    return (error as { readonly code?: string }).code === 'MODULE_NOT_FOUND' ? undefined : 'unknown'
  }
}

/** The most folders that are read: a larger installation is searched only in part. */
const MOST_FOLDERS = 20_000

/** Returns every copy of an `@msc` package in the installations that code in `folder` loads from. */
export async function installedCopies(folder: string, mostFolders: number = MOST_FOLDERS): Promise<InstalledCopy[]> {
  const copies = new Map<string, InstalledCopy>()
  const seen = new Set<string>()

  const list = async (path: string): Promise<string[]> => {
    if (seen.has(path) || seen.size >= mostFolders) return []
    seen.add(path)
    return readdir(path).catch(() => [])
  }
  const visitModules = async (modules: string): Promise<void> => {
    const names = await list(modules)
    await Promise.all(
      names.map(async (name) => {
        if (name === '.pnpm') return visitStore(join(modules, name))
        if (name.startsWith('.')) return
        if (!name.startsWith('@')) return visitModules(join(modules, name, 'node_modules'))
        const scoped = await list(join(modules, name))
        await Promise.all(
          scoped.map((each) =>
            name === '@msc'
              ? visitCopy(join(modules, name, each))
              : visitModules(join(modules, name, each, 'node_modules')),
          ),
        )
      }),
    )
  }
  /** pnpm keeps each package in a folder of its own, and links to it from the others. */
  const visitStore = async (store: string): Promise<void> => {
    const names = (await list(store)).filter((name) => name.startsWith('@msc+'))
    await Promise.all(names.map((name) => visitModules(join(store, name, 'node_modules'))))
  }
  const visitCopy = async (link: string): Promise<void> => {
    const path = await realpath(link).catch(() => undefined)
    if (path === undefined || copies.has(path)) return
    const manifest = await readManifest(path)
    if (manifest?.name === undefined || manifest.version === undefined) return
    copies.set(path, { name: manifest.name, version: manifest.version, path })
    await visitModules(join(path, 'node_modules'))
  }

  for (const above of ancestorsOf(await realpath(folder))) await visitModules(join(above, 'node_modules'))
  return [...copies.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1))
}

function ancestorsOf(folder: string): string[] {
  const above = dirname(folder)
  return above === folder ? [folder] : [folder, ...ancestorsOf(above)]
}

/** Returns the package.json of a folder; `undefined` when it is missing or unreadable. */
export async function readManifest(folder: string): Promise<Manifest | undefined> {
  try {
    return JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Manifest
  } catch {
    return undefined
  }
}
