/** The driver itself, object of a class or not, with some of its methods replaced. */
export function withMethods<D extends object>(driver: D, methods: Partial<D>): D {
  return new Proxy(driver, {
    get(target, name) {
      if (Object.hasOwn(methods, name)) return Reflect.get(methods, name) as unknown
      const value: unknown = Reflect.get(target, name, target)
      // Called on the proxy, a method could not reach private members.
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

/**
 * The driver for an engine that is closed while the driver is still needed: all its methods but `close`, which does
 * nothing.
 */
export function keptOpen<D extends { close(): Promise<void> }>(driver: D): D {
  const close = async (): Promise<void> => undefined
  return withMethods(driver, { close } as Partial<D>)
}
