#!/usr/bin/env node
// A committed file, because a package manager links it at install, before anything is built.
import { main } from '@msc/platform/cli'

const code = await main(process.argv.slice(2))
// What a pipe has not taken yet would be lost with the process; connections to a silent backend would keep it.
for (const stream of [process.stdout, process.stderr]) await new Promise((written) => stream.write('', written))
process.exit(code)
