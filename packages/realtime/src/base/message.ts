export type Payload = Readonly<Record<string, unknown>>
export type MessageHandler<Data = Payload> = (payload: Data, event: string) => void
