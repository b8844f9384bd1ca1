/**
 * The WebAssembly module of opusscript, without the class that the package exports, and with a larger stack.
 *
 * The class accesses the module's memory at twice the address that it allocated: with a handful of codecs, the samples of one
 * overwrite the state of another, and those of the 53rd would be beyond the end of the memory. Also, the module is built with
 * a stack of 64 kB, which libopus overruns in frames of 40 and 60 ms, into the tables below it. So the module is used
 * directly here, with one set of buffers for all codecs, and its stack pointer starts at the end of a separate block.
 *
 * @since 0.1.0
 */
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import * as Location from "../transport/Location.ts"
import { maxPacketBytes, maxPacketSamples } from "./limits.ts"

/**
 * An encoder and a decoder in one. The functions return a length, or a negative error of libopus.
 *
 * @internal
 */
export interface Handler {
  /**
   * Encodes `frameSize` samples per channel. `pcm` is the address of 16-bit words, each of which holds one byte of the
   * samples; the first `samples` samples are first put together in place.
   */
  readonly _encode: (pcm: number, samples: number, packet: number, frameSize: number) => number
  /** Decodes to 16-bit words, each of which holds one byte of the samples. Returns samples per channel. */
  readonly _decode: (packet: number, length: number, pcm: number) => number
  readonly _encoder_ctl: (request: number, value: number) => number
  readonly delete: () => void
}

interface NativeModule {
  /** Views of the memory, which are replaced when it grows. */
  readonly HEAPU8: Uint8Array
  readonly HEAPU16: Uint16Array
  /** Allocates memory; returns 0 if there is none. */
  readonly _malloc: (size: number) => number
  readonly OpusScriptHandler: new(sampleRate: number, channels: number, application: number) => Handler
}

type NativeFactory = (options: {
  readonly wasmBinary: Uint8Array
  readonly print: () => void
  readonly printErr: () => void
}) => NativeModule

/** @internal */
export interface Loaded {
  readonly native: NativeModule
  /** The addresses of the samples and of a packet. */
  readonly pcm: number
  readonly packet: number
  /** Set when a codec has aborted, which leaves the memory in an unknown state. */
  broken: boolean
}

/** Two channels, two bytes per sample, each byte in two bytes of memory. */
const pcmBytes = maxPacketSamples * 2 * 2 * 2

/** The largest multiple of 16 that is encoded in three bytes, like the address of the module's own stack. */
const stackTop = 0xf_fff0

/** This much of the memory holds the module's tables, its own stack and its initial allocations. */
const firstFree = 0x3_0000

const globalSection = 6

/**
 * The module's only global variable is its stack pointer: one (01), i32 (7f), mutable (01), i32.const (41), an address in
 * three bytes of LEB128, end (0b).
 *
 * @internal
 */
export const moveStack = (binary: Uint8Array): Uint8Array | undefined => {
  const at = (offset: number) => binary[offset] ?? 0
  let offset = 8
  while (offset < binary.length) {
    const section = at(offset)
    let size = 0
    let shift = 0
    do {
      offset += 1
      size |= (at(offset) & 0x7f) << shift
      shift += 7
    } while ((at(offset) & 0x80) !== 0)
    offset += 1
    if (section === globalSection) {
      const expected = size === 8
        && [0x01, 0x7f, 0x01, 0x41].every((byte, index) => at(offset + index) === byte)
        && at(offset + 4) >= 0x80 && at(offset + 5) >= 0x80 && at(offset + 6) < 0x40 && at(offset + 7) === 0x0b
      if (!expected) return undefined
      const moved = Uint8Array.from(binary)
      moved[offset + 4] = 0x80 | (stackTop & 0x7f)
      moved[offset + 5] = 0x80 | ((stackTop >> 7) & 0x7f)
      moved[offset + 6] = stackTop >> 14
      return moved
    }
    offset += size
  }
  return undefined
}

/**
 * Loads the module. Throws if it cannot be loaded or is not the known one.
 *
 * @internal
 */
export const load = (): Loaded => {
  const require = createRequire(Location.of(import.meta.url))
  const wasmBinary = moveStack(readFileSync(require.resolve("opusscript/build/opusscript_native_wasm.wasm")))
  if (wasmBinary === undefined) throw new Error("this build of opusscript is unknown")
  // opusscript only has types for its class; these describe the module beneath it, src/opusscript_encoder.cpp
  const factory = require("opusscript/build/opusscript_native_wasm.js") as NativeFactory
  const silent = () => {}
  const native = factory({ wasmBinary, print: silent, printErr: silent })
  const stack = native._malloc(stackTop)
  const pcm = native._malloc(pcmBytes)
  const packet = native._malloc(maxPacketBytes)
  if (stack === 0 || stack > firstFree || pcm === 0 || packet === 0) {
    throw new Error("the memory layout is not the expected one")
  }
  return { native, pcm, packet, broken: false }
}
