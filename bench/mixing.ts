/**
 * What a mix costs in its thread, and how soon one is heard.
 */
import { Effect, Layer } from "effect"
import type * as AudioSource from "../src/audio/AudioSource.ts"
import { fromFrames } from "../src/audio/AudioSource.ts"
import * as AudioClock from "../src/AudioClock.ts"
import { codec, type FloatCodec } from "../src/codec/FloatCodec.ts"
import * as Mixer from "../src/Mixer.ts"
import * as Heard from "../src/mixer/Heard.ts"
import * as Mix from "../src/mixer/Mix.ts"
import * as PcmRing from "../src/mixer/PcmRing.ts"
import { ChannelId, GuildId, UserId } from "../src/protocol/Identifier.ts"
import * as FrameRing from "../src/ring/FrameRing.ts"
import * as SoundEffect from "../src/SoundEffect.ts"
import * as MockGateway from "../src/testing/MockGateway.ts"
import * as MockVoiceDriver from "../src/testing/MockVoiceDriver.ts"
import * as VoiceSession from "../src/VoiceSession.ts"
import { type Bench, type Figures, interleave, median, type Row, show, type Subject } from "./measure.ts"

const unit = 960
const aheadMs = 100

const tone = (hz: number): Float32Array => {
  const samples = new Float32Array(unit * 2)
  for (let i = 0; i < unit; i++) {
    samples[i * 2] = samples[i * 2 + 1] = 0.02 * Math.sin((2 * Math.PI * hz * i) / 48_000) + 1e-4 * ((i * 7) % 13)
  }
  return samples
}

/** Encodes and decodes nothing. */
const noCodec: FloatCodec = {
  prepare: codec.prepare,
  encoder: async () => ({
    lookahead: 312,
    encode: () => Uint8Array.of(0xfc, 1, 2, 3),
    setPrediction: () => {},
    configure: () => {},
    free: () => {}
  }),
  decoder: codec.decoder
}

const sharedOf = ({ buffer }: FrameRing.FrameRing): SharedArrayBuffer => {
  if (buffer instanceof SharedArrayBuffer) return buffer
  throw new Error("a ring is not shared")
}

const equalizer = SoundEffect.lavalinkEqualizer(SoundEffect.lavalinkHz.map((_, i) => 0.02 * (i + 1)))

/** A mix of tracks of PCM whose rings are filled as it goes: 20 ms an operation. */
const mixOf = async (
  name: string,
  tracks: number,
  using: FloatCodec,
  gain: number,
  complexity = 9,
  effects: ReadonlyArray<SoundEffect.SoundEffect> = []
) => {
  const complete = await Effect.runPromise(SoundEffect.complete(effects))
  const out = FrameRing.make({ capacityBytes: 1 << 16 })
  const mix = await Mix.make(
    using,
    { ring: sharedOf(out), heard: Heard.makeBuffer(), encoder: { complexity }, aheadMs },
    (detail) => {
      throw new Error(detail)
    }
  )
  const rings = Array.from({ length: tracks }, () => PcmRing.make(400))
  const tones = rings.map((_, i) => tone(220 * (1 + (i % 7))))
  for (const [i, ring] of rings.entries()) {
    mix.command({
      _tag: "Add",
      input: {
        input: i + 1,
        slot: i,
        format: "pcm",
        ring: ring.buffer,
        gain,
        paused: false,
        fadeInMs: 0,
        curve: "linear",
        effects: complete
      }
    })
  }
  const subject: Subject = {
    name,
    run: () => {
      for (let i = 0; i < tracks; i++) rings[i]?.write(tones[i] ?? new Float32Array(0), 0)
      out.discard()
      mix.fill()
    }
  }
  for (let i = 0; i < 10; i++) subject.run(i)
  return { subject, close: mix.close.bind(mix), frames: out.framesRead }
}

/** A loop over 16-bit samples in a buffer, as prism-media's VolumeTransformer has it. */
const prismVolume = (): Subject => {
  const chunk = Buffer.alloc(unit * 4)
  const samples = tone(440)
  samples.forEach((value, i) => chunk.writeInt16LE(Math.round(value * 32_767), i * 2))
  const left = Buffer.alloc(0)
  const read = (buffer: Buffer, index: number) => buffer.readInt16LE(index)
  const write = (buffer: Buffer, value: number, index: number) => buffer.writeInt16LE(value, index)
  return {
    name: "volume: prism's loop, int16",
    run: () => {
      const bytes = Buffer.concat([left, chunk])
      for (let i = 0; i < bytes.length; i += 2) {
        write(bytes, Math.min(32_767, Math.max(-32_768, Math.floor(0.5 * read(bytes, i)))), i)
      }
    }
  }
}

const where = { guildId: GuildId.make("10"), channelId: ChannelId.make("20") }

const world = (mixer: Layer.Layer<Mixer.Mixer>) =>
  Layer.mergeAll(
    MockGateway.layer({
      answer: MockGateway.answerWith({
        userId: UserId.make("1"),
        sessionId: "session",
        token: "token",
        endpoint: "voice.example:443"
      })
    }),
    MockVoiceDriver.layer,
    mixer
  ).pipe(Layer.provide(AudioClock.layer))

const pcm: AudioSource.AudioSource = {
  name: "pcm",
  open: Effect.succeed({ format: "pcm", durationMs: undefined, tags: {}, pull: Effect.sync(() => tone(440)) })
}

const opus = Effect.promise(async () => {
  const encoder = await codec.encoder({})
  const frames = Array.from({ length: 100 }, () => ({ data: encoder.encode(tone(440)), samples: unit }))
  encoder.free()
  return fromFrames(frames)
})

/** Milliseconds from `play` to the first frame that is sent. */
const firstPacket = (
  mixer: Layer.Layer<Mixer.Mixer>,
  source: AudioSource.AudioSource,
  before: AudioSource.AudioSource | undefined
) =>
  Effect.gen(function*() {
    const session = yield* VoiceSession.join(where)
    if (before !== undefined) {
      yield* session.play(before, { loop: "forever" })
      yield* Effect.sleep("300 millis")
    }
    const startedAt = performance.now()
    const track = yield* session.play(source)
    while ((yield* track.metrics).sent === 0) yield* Effect.sleep("1 millis")
    const ms = performance.now() - startedAt
    yield* session.interrupt
    return ms
  }).pipe(Effect.scoped, Effect.provide(world(mixer)))

const times = async (rounds: number) => {
  const song = await Effect.runPromise(opus)
  const inThread = Mixer.layerThreadWith({ use: "always" })
  const cases = [
    ["Opus, passed through", Mixer.layer, song, undefined],
    ["PCM", Mixer.layer, pcm, undefined],
    ["PCM, in a thread that has to be started", inThread, pcm, undefined],
    ["PCM over Opus that is passed through", Mixer.layer, pcm, song],
    ["PCM over PCM", Mixer.layer, pcm, pcm]
  ] as const
  const found = new Map<string, Array<number>>()
  for (let i = 0; i < rounds; i++) {
    for (const [name, mixer, source, before] of cases) {
      const ms = await Effect.runPromise(firstPacket(mixer, source, before))
      found.set(name, [...found.get(name) ?? [], ms])
    }
  }
  return Array.from(found, ([name, values]) => ({
    name,
    median: median(values),
    minimum: Math.min(...values),
    maximum: Math.max(...values)
  }))
}

export const mixing: Bench = {
  name: "mixing",
  summary: "mixing 1 to 32 tracks, volume, encoding and decoding a frame of 20 ms; time from play to the first packet",
  run: async ({ progress, quick }) => {
    progress("mixing: frames")
    const rounds = quick ? 3 : 15
    const operations = quick ? 50 : 300
    const mixes = [
      ...await Promise.all(
        [1, 2, 4, 8, 16, 32].map((tracks) => mixOf(`mix ${tracks}`, tracks, noCodec, 1))
      ),
      await mixOf("volume: ours, float, ring and soft clip included", 1, noCodec, 0.5),
      await mixOf("mix 1 with an equalizer of 15 bands", 1, noCodec, 1, 9, [equalizer]),
      await mixOf("mix 1 at 1.25 times its speed", 1, noCodec, 1, 9, [{ _tag: "Timescale", speed: 1.25 }]),
      ...await Promise.all(
        [10, 9, 5, 1].map((complexity) => mixOf(`mix 1 and encode, complexity ${complexity}`, 1, codec, 1, complexity))
      )
    ]
    const decoder = await codec.decoder()
    const encoder = await codec.encoder({})
    const packets = Array.from({ length: 50 }, () => encoder.encode(tone(440)))
    const decode: Subject = {
      name: "decode",
      run: (index) => void decoder.decode(packets[index % packets.length] ?? new Uint8Array(1))
    }
    const subjects = [...mixes.map(({ subject }) => subject), prismVolume(), decode]
    const found = interleave(subjects, { rounds, operations })
    for (const { close } of mixes) close()
    decoder.free()
    encoder.free()
    progress("mixing: first packets")
    const first = await times(quick ? 1 : 7)
    const row = ([name, figures]: [string, Figures]): Row => ({ what: name, "us/frame": show(figures) })
    return {
      rows: [
        ...Array.from(found, row),
        ...first.map(({ maximum, median: middle, minimum, name }): Row => ({
          what: `play to first packet: ${name}`,
          ms: `${middle.toFixed(1)} (${minimum.toFixed(1)}-${maximum.toFixed(1)})`
        }))
      ],
      figures: { frames: Object.fromEntries(found), firstPacketMs: first },
      notes: [
        "a frame is 20 ms in two channels; mixing takes samples from shared rings, sums, clips softly and keeps positions",
        "the first packet waits for the beat, 20 ms at most; over something else it is mixed ahead"
      ]
    }
  }
}
