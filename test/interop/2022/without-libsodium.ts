/**
 * To be imported before a library that looks for a secretbox by itself: hides `libsodium-wrappers`, which is installed here for
 * other tests, so that the library finds `tweetnacl` as on a machine that has nothing else.
 */
import { registerHooks } from "node:module"

registerHooks({
  resolve: (specifier, context, next) => {
    if (specifier !== "libsodium-wrappers") return next(specifier, context)
    throw Object.assign(new Error(`Cannot find module '${specifier}'`), { code: "MODULE_NOT_FOUND" })
  }
})
