#!/usr/bin/env node
// A committed file, because a package manager links it at install, before anything is built.
import { main } from '@msc/platform/cli'

// `msc doctor | head -1` closes the pipe early; that is no reason to fail.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

const code = await main(process.argv.slice(2))
// Wait for the output: a pipe may not have taken all of it yet. Then exit, because connections to a silent backend
// would keep the process alive.
for (const stream of [process.stdout, process.stderr]) await new Promise((written) => stream.write('', written))
process.exit(code)
