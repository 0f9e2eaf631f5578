export type Payload = Readonly<Record<string, unknown>>
/** What can be sent: any JSON, with values of an `interface` or a class; a `Uint8Array` where the driver carries bytes. */
export type Sendable = object | string | number | boolean | null
export type MessageHandler<Data = Payload> = (payload: Data, event: string) => void
