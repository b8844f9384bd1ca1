/** How the tests of the recorder's options start a recording, and what they read from its files. */
import { Effect, Layer } from "effect"
import { createHash } from "node:crypto"
import * as Emulator from "../../../src/emulator/Emulator.ts"
import * as OpusDecoder from "../../../src/OpusDecoder.ts"
import * as OpusEncoder from "../../../src/OpusEncoder.ts"
import * as Recorder from "../../../src/receive/Recorder.ts"
import type * as VoiceSession from "../../../src/VoiceSession.ts"
import * as Rig from "../../integration/rig.ts"
import * as Kit from "./kit.ts"

export const memory = (options?: Emulator.MemoryOptions) =>
  Layer.mergeAll(Rig.memory(options), OpusDecoder.layer, OpusEncoder.layer)

export const layer = memory()

export const start = (
  session: VoiceSession.VoiceSession,
  storage: Recorder.Storage,
  options?: Partial<Recorder.Options>
) =>
  Recorder.start(session, { folder: "/recording", ...options }).pipe(
    Effect.provideService(Recorder.Storage, storage)
  )

export const hex = (data: Uint8Array) => Buffer.from(data).toString("hex")

/** The sounds of an Ogg file, and where each is heard in milliseconds: later than it is decoded, by the look-ahead. */
export const soundsIn = (bytes: Uint8Array) =>
  Effect.map(
    Kit.demux(bytes),
    ({ packets }) =>
      packets.filter(({ data }) => data[0] === 0xfc).map(({ at, data }) => ({ data: hex(data), ms: (at + 312) / 48 }))
  )

export const dataBytes = (wav: Uint8Array) => new DataView(wav.buffer, wav.byteOffset).getUint32(40, true)

/** The left channel of a WAV file. */
export const leftOf = (wav: Uint8Array) => {
  const view = new DataView(wav.buffer, wav.byteOffset + 44)
  return Float32Array.from({ length: (wav.length - 44) / 4 }, (_, i) => view.getInt16(4 * i, true) / 32_768)
}

export const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex")

export const lobby = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const ada = yield* discord.join({ user: "ada", channel: "lobby" })
  const bob = yield* discord.join({ user: "bob", channel: "lobby" })
  const session = yield* Rig.join("lobby")
  return { ada, bob, discord, session }
})

/** Frames that need many bytes. */
export const loud = (count: number, seed = 0) =>
  Rig.frames(count, seed).map(({ data, samples }) => {
    const large = new Uint8Array(600 + data.length).fill(seed)
    large.set(data)
    return { data: large, samples }
  })
