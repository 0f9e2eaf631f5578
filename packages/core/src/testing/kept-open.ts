/**
 * The driver itself, object of a class or not, for an engine that is closed while the driver is still needed: all its
 * methods but `close`, which does nothing.
 */
export function keptOpen<D extends { close(): Promise<void> }>(driver: D): D {
  return new Proxy(driver, {
    get(target, name) {
      if (name === 'close') return async () => undefined
      const value: unknown = Reflect.get(target, name, target)
      // Called on the proxy, a method could not reach private members.
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}
