/**
 * Goes on with a value: at once when it is there, when it comes otherwise. `await` would let other work go first even
 * where there is nothing to wait for.
 */
export function goOn<T, U>(value: T | Promise<T>, use: (value: T) => U | Promise<U>): U | Promise<U> {
  return value instanceof Promise ? value.then(use) : use(value);
}
