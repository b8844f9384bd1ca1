/**
 * The location of this code, even if a bundler has moved it.
 *
 * @since 0.1.0
 */
import { pathToFileURL } from "node:url"

/**
 * The URL of a module, from its `import.meta.url`. A bundler that writes CommonJS may leave that undefined; then it is the URL
 * of the bundle's file, or else of one in the working directory.
 *
 * @category constructors
 * @since 0.1.0
 */
export const of = (moduleUrl: string | undefined): string =>
  moduleUrl ?? pathToFileURL(typeof __filename === "string" ? __filename : "./bundle.js").href
