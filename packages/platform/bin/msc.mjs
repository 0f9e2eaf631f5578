#!/usr/bin/env node
// A committed file, because a package manager links it at install, before anything is built.
import { main } from '@msc/platform/cli'

process.exitCode = await main(process.argv.slice(2))
