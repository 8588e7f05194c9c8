/**
 * What a dynamically imported package exports. Where a bundler splits an ES module bundle (esbuild), the names of a
 * CommonJS package are on `default` alone; in Node they are there too.
 */
export async function load<M extends object>(loading: Promise<M>): Promise<M> {
  const module: M & { readonly default?: M } = await loading;
  return module.default ?? module;
}
