/**
 * The part of `@echogarden/fvad-wasm` that is used here: libfvad, the voice activity detector of WebRTC, as Emscripten makes
 * it.
 */
declare module "@echogarden/fvad-wasm" {
  export interface FvadModule {
    /** A view of the module's memory. It is replaced when the memory grows. */
    readonly HEAP16: Int16Array<ArrayBuffer>
    /** Returns 0 if there is no memory. */
    readonly _malloc: (size: number) => number
    readonly _free: (pointer: number) => void
    /** Returns 0 if there is no memory. */
    readonly _fvad_new: () => number
    readonly _fvad_free: (instance: number) => void
    /** 0 (takes much for speech) to 3 (takes little). Returns -1 for another mode. */
    readonly _fvad_set_mode: (instance: number, mode: number) => number
    /** 8000, 16000, 32000 or 48000. Returns -1 for another rate. */
    readonly _fvad_set_sample_rate: (instance: number, rate: number) => number
    /** Takes 10, 20 or 30 ms. Returns 1 for speech, 0 for none, -1 for another length. */
    readonly _fvad_process: (instance: number, samples: number, length: number) => number
  }
  const load: () => Promise<FvadModule>
  export default load
}
