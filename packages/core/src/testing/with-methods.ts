/** Returns the driver, which may be a class instance, with some methods replaced. */
export function withMethods<D extends object>(driver: D, methods: Partial<D>): D {
  return new Proxy(driver, {
    get(target, name) {
      if (Object.hasOwn(methods, name)) return Reflect.get(methods, name) as unknown
      const value: unknown = Reflect.get(target, name, target)
      // Bound, because a method that is called on the proxy can't access private members.
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

/**
 * Returns the driver with a `close` that does nothing, so that a test can use the driver after its engine has closed.
 */
export function keptOpen<D extends { close(): Promise<void> }>(driver: D): D {
  const close = async (): Promise<void> => undefined
  return withMethods(driver, { close } as Partial<D>)
}
