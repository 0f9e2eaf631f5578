import { assertMethods } from '@msc/core'
import type { PlatformPorts } from './ports.ts'

const METHODS: { readonly [Port in Exclude<keyof PlatformPorts, 'ai'>]: readonly (keyof PlatformPorts[Port])[] } = {
  notifier: ['notify'],
  mailer: ['send'],
  users: ['recipient'],
  analytics: ['collect', 'store'],
  releases: ['load', 'markDistributing', 'markDistributed', 'markUndistributed'],
  distribution: ['deliver'],
  billing: ['charge', 'refund'],
  payments: ['isOpen', 'markPaid', 'markFailed'],
  subscriptions: ['due', 'setPaidUntil', 'renewalFailed'],
}

/**
 * Reads the ports of a job when it is made: a charge that can not be given back is found before anybody is charged.
 *
 * @throws ConfigError `OPTION_INVALID` naming the port and the methods that are missing.
 */
export function assertPorts(ports: { readonly [Port in keyof typeof METHODS]?: unknown }): void {
  for (const [name, port] of Object.entries(ports)) {
    assertMethods('jobs', `ports.${name}`, port, METHODS[name as keyof typeof METHODS])
  }
}
