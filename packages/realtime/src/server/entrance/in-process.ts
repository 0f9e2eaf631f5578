import type { Place } from '../admission/admission.ts'
import type { Runtime } from '../runtime.ts'
import type { Claims } from './claims.ts'
import type { Clients } from './clients.ts'
import type { Transport } from './connection.ts'
import { toText } from '../http/bytes.ts'

/** A client of this process, which speaks the protocol without a network. */
export interface InProcess {
  send(data: string | Uint8Array): void
  close(): void
}

export function connectInProcess(
  clients: Clients,
  claims: Claims,
  place: Place,
  onFrame: (text: string) => void,
  onClose: (reason: string) => void,
  { attempt }: Runtime,
): InProcess {
  let open = true
  const close = (reason: string): void => {
    if (!open) return
    open = false
    client.gone()
    // Later, as with a socket: nobody is called from within a call of theirs.
    queueMicrotask(() => attempt('onClose', () => onClose(reason)))
  }
  const transport: Transport = {
    name: 'in-process',
    format: '2.0.0',
    patience: Number.POSITIVE_INFINITY,
    isOpen: () => open,
    send(data) {
      queueMicrotask(() => open && attempt('onFrame', () => onFrame(typeof data === 'string' ? data : toText(data))))
    },
    buffered: () => 0,
    ping() {},
    close: (_code, reason) => close(reason),
    terminate: () => close('Terminated'),
  }
  const client = clients.add(transport, claims, place)
  return {
    send: (data) => open && client.receive(data),
    close: () => close('Closed'),
  }
}
