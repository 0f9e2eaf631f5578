/**
 * What was given, as it is now: the application may go on with its objects. Values are as JSON has them; what it can't carry
 * stays, to be refused by who knows why. See `chosen` for what a copy would say otherwise.
 */
export const copied = <Values extends readonly unknown[]>(values: Values): Values =>
  values.map((value) => {
    try {
      return value instanceof Uint8Array ? new Uint8Array(value) : (JSON.parse(JSON.stringify(value)) as unknown)
    } catch {
      return value
    }
  }) as unknown as Values
