/**
 * Trials of the parts of a connection: codecs, decoders, ciphers, end-to-end encryption and threads.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { randomBytes } from "node:crypto"
import type { Header } from "../audio/format/PacketReader.ts"
import * as Decoders from "../audio/source/Decoders.ts"
import * as limits from "../codec/limits.ts"
import * as Dave from "../Dave.ts"
import * as DaveThread from "../dave/Thread.ts"
import * as DriverThread from "../driver/Thread.ts"
import * as MixerThread from "../mixer/Thread.ts"
import * as OpusDecoder from "../OpusDecoder.ts"
import * as OpusEncoder from "../OpusEncoder.ts"
import { type EncryptionMode, liveModes } from "../protocol/EncryptionMode.ts"
import { ChannelId, UserId } from "../protocol/Identifier.ts"
import * as WebRtc from "../receive/utterance/WebRtc.ts"
import * as HelperThread from "../transport/HelperThread.ts"
import * as VoiceCrypto from "../VoiceCrypto.ts"
import * as Check from "./Check.ts"
import * as Installed from "./Installed.ts"

/** The version of a package that was loaded, if it can be found on disk. */
const versionOf = (name: string): { readonly version?: string } => {
  const version = Installed.find(name)?.version
  return version === undefined ? {} : { version }
}

/** A result for a package that is named by its subject, or by `shown` in the detail. */
const withVersion = (name: string, text: string, shown?: string): Check.Finding => {
  const facts = versionOf(name)
  const version = facts.version === undefined ? [] : [facts.version]
  return {
    detail: shown === undefined ? [...version, text].join(", ") : [shown, ...version, text].join(" "),
    facts
  }
}

const frameSamples = limits.sampleRate / 50

/** 20 ms of a stereo tone. */
const tone = (frame: number): Int16Array =>
  Int16Array.from(
    { length: 2 * frameSamples },
    (_, at) => 8_000 * Math.sin(2 * Math.PI * 440 * (frame * frameSamples + (at >> 1)) / limits.sampleRate)
  )

const power = (pcm: Int16Array): number => pcm.reduce((sum, sample) => sum + sample * sample, 0) / pcm.length

/** The first frames of a codec rise from silence. */
const toneFrames = 5

const opus = (
  name: string,
  isRequired: boolean,
  encoders: Layer.Layer<OpusEncoder.OpusEncoder>,
  decoders: Layer.Layer<OpusDecoder.OpusDecoder>
): Effect.Effect<Check.Check> =>
  Check.attempt(
    { group: "opus", name, isRequired },
    Check.reinstall,
    Effect.gen(function*() {
      const encoder = yield* (yield* OpusEncoder.OpusEncoder).make()
      const decoder = yield* (yield* OpusDecoder.OpusDecoder).make()
      let heard = new Int16Array(0)
      for (let frame = 0; frame < toneFrames; frame++) {
        heard = Int16Array.from(yield* decoder.decode(yield* encoder.encode(tone(frame))))
      }
      const share = power(heard) / power(tone(0))
      if (heard.length !== 2 * frameSamples || !(share > 0.5 && share < 2)) {
        return yield* Effect.fail(new Check.Unfit("it does not decode what it encoded"))
      }
      return withVersion(name, "encodes and decodes")
    }).pipe(Effect.provide([encoders, decoders]))
  )

/** The libraries of the two Opus services. */
const codecs: Effect.Effect<ReadonlyArray<Check.Check>> = Effect.all([
  opus("libopus-wasm", true, OpusEncoder.layer, OpusDecoder.layer),
  opus("opusscript", false, OpusEncoder.layerOpusScript, OpusDecoder.layerOpusScript)
])

const faad = "@audio/decode-aac"

/** AAC-LC at 44.1 kHz, two channels (ISO/IEC 14496-3, AudioSpecificConfig). */
const aacConfig = Uint8Array.of(0x12, 0x10)

const decoder = (codec: Header["codec"], library: string, setup: ReadonlyArray<Uint8Array>) =>
  Check.attempt(
    { group: "decoder", name: codec, isRequired: false },
    `${Check.reinstall}; without it ffmpeg decodes such sources`,
    Effect.as(
      Decoders.make({
        codec,
        rate: 44_100,
        channels: 2,
        setup,
        sampleFormat: undefined,
        delay: 0,
        total: undefined,
        warmUp: 0,
        tags: {}
      }, library),
      withVersion(library, "loads", library)
    )
  )

const mp4 = Check.attempt(
  { group: "decoder", name: "mp4", isRequired: false },
  `${Check.reinstall}; without it ffmpeg plays such files`,
  Effect.as(Effect.tryPromise(() => import("mediabunny")), withVersion("mediabunny", "loads", "mediabunny"))
)

const fvad = "@echogarden/fvad-wasm"

const voiceActivity = Check.attempt(
  { group: "decoder", name: "webrtc-vad", isRequired: false },
  "npm install @echogarden/fvad-wasm, or use VoiceActivity.layerEnergy",
  Effect.gen(function*() {
    const detect = yield* WebRtc.make(yield* WebRtc.load, limits.sampleRate, 2)
    if (detect(new Int16Array(limits.sampleRate / 100))) {
      return yield* Effect.fail(new Check.Unfit("it mistakes silence for speech"))
    }
    return withVersion(fvad, "distinguishes speech from silence", fvad)
  })
)

/** Whether a missing optional package was already reported with the packages. */
const isSaid = ({ status }: Check.Check, library: string): boolean =>
  status === "missing" && Installed.find(library) === undefined

const decoders: Effect.Effect<ReadonlyArray<Check.Check>> = Effect.gen(function*() {
  const checks = yield* Effect.all([
    decoder("mp3", "mpg123-decoder", []),
    decoder("flac", "@wasm-audio-decoders/flac", []),
    decoder("vorbis", "@wasm-audio-decoders/ogg-vorbis", []),
    mp4
  ])
  const aac = yield* decoder("aac", faad, [aacConfig])
  const activity = yield* voiceActivity
  return [...checks, ...(isSaid(aac, faad) ? [] : [aac]), ...(isSaid(activity, fvad) ? [] : [activity])]
})

/** An RTP packet of 20 ms before it is sealed. */
const headerBytes = 12
const plainBytes = headerBytes + 160

/** Seals a packet, opens it with another cipher of the same key, and tries to open a modified one. */
const sealed = Effect.fnUntraced(function*(crypto: VoiceCrypto.VoiceCrypto["Service"], mode: EncryptionMode) {
  const key = Redacted.make(new Uint8Array(randomBytes(32)))
  const [here, there] = [yield* crypto.make(mode, key), yield* crypto.make(mode, key)]
  const plain = new Uint8Array(randomBytes(plainBytes))
  plain.set([0x80, 0x78])
  const buffer = here.allocate(plainBytes + here.expansionBytes)
  buffer.set(plain)
  const length = here.seal(buffer, headerBytes, plainBytes)
  if (length < 0 || Buffer.compare(buffer.subarray(headerBytes, plainBytes), plain.subarray(headerBytes)) === 0) {
    return yield* Effect.fail(new Check.Unfit("it does not seal"))
  }
  const changed = Uint8Array.from(buffer.subarray(0, length))
  changed[headerBytes] = (changed[headerBytes] ?? 0) ^ 1
  if (there.open(changed, headerBytes, length) !== -1) {
    return yield* Effect.fail(new Check.Unfit("it opens a packet that was tampered with"))
  }
  const opened = there.open(buffer, headerBytes, length)
  if (opened !== plainBytes || Buffer.compare(buffer.subarray(0, opened), plain) !== 0) {
    return yield* Effect.fail(new Check.Unfit("it does not open what it sealed"))
  }
})

/** The live modes. One that does not work is not an obstacle if another one does, because servers usually offer more than one. */
const ciphers: Effect.Effect<ReadonlyArray<Check.Check>> = Effect.gen(function*() {
  const crypto = yield* VoiceCrypto.VoiceCrypto
  const preferred = crypto.preference.find((mode) => liveModes.includes(mode))
  const tried = yield* Effect.forEach(liveModes, (mode) =>
    Check.attempt(
      { group: "cipher", name: mode, isRequired: true },
      Check.reinstall,
      Effect.map(sealed(crypto, mode), () => ({
        detail: `seals and opens${mode === preferred ? ", preferred" : ""}`,
        facts: { preference: crypto.preference.indexOf(mode) + 1 }
      }))
    ))
  const isOneFit = tried.some(({ status }) => status === "ok")
  return tried.map((check) => check.status === "missing" && isOneFit ? Check.asWarning(check) : check)
}).pipe(Effect.provide(VoiceCrypto.layer))

const engine = "@snazzah/davey"

/** Ids that nobody has. */
const nobody = { userId: UserId.make("1"), channelId: ChannelId.make("1") }

/** A key package involves everything in the engine: keys, signatures and the structures of a group. */
const e2ee: Effect.Effect<Check.Check> = Check.attempt(
  { group: "e2ee", name: engine, isRequired: true },
  "run npm ci without --omit=optional on the system where the bot runs: without this package Discord admits it to no call; with permissions, --allow-addons (docs/deployment.md)",
  Effect.gen(function*() {
    const dave = yield* Dave.Dave
    const group = yield* dave.open(nobody)
    const keyPackage = yield* group.create(dave.maxVersion)
    if (keyPackage.length === 0) return yield* Effect.fail(new Check.Unfit("it makes no key package"))
    const finding = withVersion(engine, `makes keys for version ${dave.maxVersion} of DAVE`)
    return { ...finding, facts: { ...finding.facts, dave: dave.maxVersion } }
  }).pipe(Effect.provide(Dave.layer))
)

const threads = [
  {
    name: "groups",
    file: DaveThread.file,
    without: "changes in an encrypted call delay the audio by some milliseconds"
  },
  { name: "mixer", file: MixerThread.file, without: "mixing and encoding delay the audio" },
  { name: "driver", file: DriverThread.file, without: "Voice.layerThread does no more than Voice.layer" }
]

const thread = ({ file, name, without }: (typeof threads)[number]): Effect.Effect<Check.Check> => {
  const subject: Check.Subject = { group: "thread", name, isRequired: false }
  const remedy =
    `without it, ${without}: in a bundle, build its file too; with permissions, --allow-worker (docs/deployment.md)`
  return Check.attempt(
    subject,
    remedy,
    Effect.map(
      Effect.promise((signal) => HelperThread.trial(`effect-discord-voice ${name}`, file(), signal)),
      (failure): Check.Finding =>
        failure === undefined ? { detail: "starts" } : { detail: `does not start: ${failure}`, remedy }
    )
  )
}

/**
 * All trials, one after another, so that none slows down another.
 *
 * @internal
 */
export const trials: ReadonlyArray<Effect.Effect<ReadonlyArray<Check.Check>>> = [
  codecs,
  decoders,
  ciphers,
  Effect.map(e2ee, (check) => [check]),
  Effect.forEach(threads, thread)
]
