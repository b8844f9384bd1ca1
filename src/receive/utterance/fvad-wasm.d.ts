/** The part of `@echogarden/fvad-wasm` that is used here: libfvad, WebRTC's voice activity detector, compiled by Emscripten. */
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
    /** From 0, which accepts the most as speech, to 3, which accepts the least. Returns -1 for another mode. */
    readonly _fvad_set_mode: (instance: number, mode: number) => number
    /** 8000, 16000, 32000 or 48000. Returns -1 for another rate. */
    readonly _fvad_set_sample_rate: (instance: number, rate: number) => number
    /** Takes 10, 20 or 30 ms. Returns 1 for speech, 0 for no speech, -1 for another length. */
    readonly _fvad_process: (instance: number, samples: number, length: number) => number
  }
  const load: () => Promise<FvadModule>
  export default load
}
