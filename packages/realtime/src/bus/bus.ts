import type { DriverBase } from '@msc/core'

/** What an engine hears of a bus. None of them throws. */
export interface BusHandlers {
  /** Called with each text that any process sent, also those that this one sent itself if the backend returns them. */
  onMessage(text: string): void
  /** Texts may have been missed until now: called when the connection is back. */
  onGap(): void
  /** Called with why it hears nothing at the moment. It goes on trying by itself. */
  onError(error: Error): void
}

/**
 * Carries texts between the processes of an application. A text reaches each process that has started at most once for each
 * `send`, and those of one process in the order in which it sent them: it waits for the answer to one before it sends the next.
 * Which texts are missing is the engine's to see, by numbers that it writes into them.
 *
 * What the engine sends is signed: whoever can write to the backend can make it busy, and speaks as nobody.
 */
export interface RealtimeBus extends DriverBase {
  /**
   * Begins to hear. Resolves when it does, or when the backend is away: it then goes on trying, and says `onGap` once it hears.
   *
   * @throws ConfigError or DriverError for what waiting does not mend, such as a transaction pooler.
   */
  start(handlers: BusHandlers): Promise<void>
  /**
   * Sends one text. Needs no `start`.
   *
   * @throws DriverError when it may not have been sent; not `retryable` where the same text can never be.
   */
  send(text: string, signal: AbortSignal): Promise<void>
}

/** What an engine needs a bus to have. */
export const BUS_METHODS: readonly (keyof RealtimeBus)[] = ['start', 'send', 'close']
