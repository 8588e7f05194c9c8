/** An object's own value under this name: what stands on its prototype does not count. */
export const ownValue = <T extends object, K extends keyof T>(object: T | undefined, name: K): T[K] | undefined =>
  object !== undefined && Object.hasOwn(object, name) ? object[name] : undefined;
