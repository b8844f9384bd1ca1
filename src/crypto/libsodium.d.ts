/**
 * The part of the `libsodium` package that is used here: the WebAssembly module itself, without the wrappers.
 */
declare module "libsodium" {
  export interface SodiumModule {
    /** A view of the module's memory. It is replaced when the memory grows. */
    readonly HEAPU8: Uint8Array<ArrayBuffer>
    /** Returns 0 if there is no memory. */
    readonly _malloc: (size: number) => number
    readonly _free: (pointer: number) => void
    /** Returns -1 on failure. */
    readonly _sodium_init: () => number
    /** The 64-bit lengths of the C function are pairs here: low word, high word. Returns 0. */
    readonly _crypto_aead_xchacha20poly1305_ietf_encrypt: (
      c: number,
      cLength: number,
      m: number,
      mLengthLow: number,
      mLengthHigh: number,
      ad: number,
      adLengthLow: number,
      adLengthHigh: number,
      nsec: number,
      npub: number,
      k: number
    ) => number
    /** Returns -1 if the packet does not authenticate. */
    readonly _crypto_aead_xchacha20poly1305_ietf_decrypt: (
      m: number,
      mLength: number,
      nsec: number,
      c: number,
      cLengthLow: number,
      cLengthHigh: number,
      ad: number,
      adLengthLow: number,
      adLengthHigh: number,
      npub: number,
      k: number
    ) => number
  }

  const load: (options: { readonly getRandomValue: () => number }) => Promise<SodiumModule>
  export default load
}
