/**
 * MP4 and QuickTime (ISO 14496-12) with Opus, AAC, MP3, FLAC or PCM to packets, using mediabunny, which supports plain and
 * fragmented files, edit lists, and the tags of iTunes. The file has to be readable at any position, because its index is
 * often at its end.
 *
 * How it ends:
 * - The index is missing: `Truncated`. It is malformed: `Corrupt`.
 * - The sound ends before the end that the index declares: `Truncated`, after everything that is there.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import type * as Mediabunny from "mediabunny"
import { VoiceError } from "../../VoiceError.ts"
import * as ByteSource from "../ByteSource.ts"
import * as FlacFrame from "../format/FlacFrame.ts"
import * as Mp3Reader from "../format/Mp3Reader.ts"
import * as OpusHead from "../format/OpusHead.ts"
import * as OpusStreams from "../format/OpusStreams.ts"
import type { Header, Packet, Problem } from "../format/PacketReader.ts"
import type { PacketSource } from "../format/PacketSource.ts"
import * as Samples from "../format/Samples.ts"
import * as Tags from "../format/Tags.ts"
import * as Mp4Codec from "./Mp4Codec.ts"
import * as Mp4Fragments from "./Mp4Fragments.ts"

/** The packets that one pull asks for: some hundred milliseconds. */
const packetsAtOnce = 16

/** The samples to decode before a position: a frame of MP3 can take bits from up to twelve frames before it. */
const warmUps = { opus: 80 * 48, aac: 2048, mp3: 12 * 1152, flac: 0, pcm: 0 }

/** How long a video may be before its sound. Sound that begins later has the times of the stream that it was cut from. */
const maxLateSeconds = 10

/** The description of a track of FLAC is the beginning of a FLAC file. */
const flacInfoAt = 8

/**
 * A file that cannot be read at any position is read as a whole up to this size, in bytes.
 *
 * @category constants
 * @since 0.1.0
 */
export const maxSpoolBytes = 256 * 1024 * 1024

/** The longest index is that of an audiobook of a hundred hours. A file that declares a longer one would fill the memory. */
const maxPartBytes = 128 * 1024 * 1024

/** Work that takes longer than this, apart from waiting for bytes, is caused by a file that leads in circles. */
const patienceMs = 20_000

/** Runs work for at most {@link patienceMs}, and reads for it, which is not limited. */
interface Patience {
  readonly work: <A>(run: () => Promise<A>) => Promise<A>
  readonly read: <A>(run: () => Promise<A>) => Promise<A>
}

/** On the clock of the machine, also under virtual time, because it limits work of this process. */
const makePatience = (): Patience => {
  let reads = 0
  let readingSinceMs = 0
  let readMs = 0
  const waitedMs = () => readMs + (reads > 0 ? performance.now() - readingSinceMs : 0)
  return {
    read: (run) => {
      if (reads++ === 0) readingSinceMs = performance.now()
      return run().finally(() => {
        if (--reads === 0) readMs += performance.now() - readingSinceMs
      })
    },
    work: (run) =>
      new Promise((resolve, reject) => {
        const startedMs = performance.now() - waitedMs()
        let timer: ReturnType<typeof setTimeout> | undefined
        const look = (): void => {
          const leftMs = patienceMs - (performance.now() - waitedMs() - startedMs)
          if (leftMs > 0) timer = setTimeout(look, leftMs)
          else reject(new Error(`it takes longer than ${patienceMs / 1000} seconds to read`))
        }
        look()
        run().then(resolve, reject).finally(() => clearTimeout(timer))
      })
  }
}

/** If an encoder of AAC does not say how many samples it has put before the sound, nothing is left out. */
const gapless = /^\s*[0-9a-f]+ ([0-9a-f]+) ([0-9a-f]+) ([0-9a-f]+)/i

const tagsOf = (found: Mediabunny.MetadataTags): Tags.MutableTags => {
  const tags: Tags.MutableTags = {}
  const add = (name: string, value: string | number | undefined) => {
    if (value !== undefined) Tags.add(tags, name, String(value))
  }
  add("title", found.title)
  add("artist", found.artist)
  add("album", found.album)
  add("albumartist", found.albumArtist)
  add("tracknumber", found.trackNumber)
  add("discnumber", found.discNumber)
  add("bpm", found.beatsPerMinute)
  add("genre", found.genre)
  add(
    "date",
    found.date === undefined || Number.isNaN(found.date.getTime()) ? undefined : found.date.toISOString().slice(0, 10)
  )
  add("comment", found.comment)
  add("description", found.description)
  for (const [name, value] of Object.entries(found.raw ?? {})) {
    if (typeof value !== "string") continue
    if (name === "©too") add("encoder", value)
    else if (name === "©wrt") add("composer", value)
    else if (name === "cprt") add("copyright", value)
  }
  return tags
}

/** What iTunes says about the samples before and after the sound, if there is no edit list. */
const gaplessOf = (found: Mediabunny.MetadataTags): { readonly delay: number; readonly total: number } | undefined => {
  for (const [name, value] of Object.entries(found.raw ?? {})) {
    const match = name.endsWith("iTunSMPB") && typeof value === "string" ? gapless.exec(value) : null
    if (match === null) continue
    return { delay: Number.parseInt(match[1] ?? "0", 16), total: Number.parseInt(match[3] ?? "0", 16) }
  }
  return undefined
}

/** How many files are being opened, and how much the library prints otherwise. */
let opening = 0
let level: Mediabunny.LogLevel | undefined

/** Suppresses what the library prints about a file while it is opened; what is wrong with the file is in the error. */
const quietly = <A, E, R>(bunny: typeof Mediabunny, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      if (opening++ > 0) return
      level = bunny.Logging.level
      bunny.Logging.level = bunny.LogLevel.Silent
    }),
    () => effect,
    () =>
      Effect.sync(() => {
        if (--opening > 0 || level === undefined) return
        bunny.Logging.level = level
      })
  )

/** Reads all bytes of a source that can only be read sequentially. */
const spool = (source: ByteSource.ByteSource): Effect.Effect<ByteSource.RandomAccess, VoiceError> =>
  Effect.gen(function*() {
    if (source.random !== undefined) return source.random
    const parts: Array<Uint8Array> = []
    let size = 0
    while (true) {
      const bytes = yield* source.next
      if (bytes === undefined) break
      parts.push(bytes)
      size += bytes.length
      if (size > maxSpoolBytes) {
        return yield* ByteSource.failure(
          source.name,
          "Unsupported",
          "an MP4 of more than 256 MiB can be played from a file or a URL, but not from a stream"
        )
      }
    }
    const whole = ByteSource.memory(Buffer.concat(parts), source.name).random
    return whole ?? (yield* Effect.die("bytes in memory can be read at any position"))
  })

/**
 * Opens the first track, if it can be decoded; the scope closes it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const open = (source: ByteSource.ByteSource): Effect.Effect<PacketSource, VoiceError, Scope.Scope> =>
  Effect.gen(function*() {
    const { name } = source
    const random = yield* spool(yield* Mp4Fragments.indexed(source))
    const patience = makePatience()
    let positionMs = 0
    const failure = (problem: Problem, cause?: unknown): VoiceError =>
      ByteSource.failure(name, problem.kind, problem.detail, { positionMs, cause })
    const corrupt = (cause: unknown): VoiceError =>
      failure({ kind: "Corrupt", detail: `the MP4 is malformed: ${ByteSource.describe(cause)}` }, cause)

    const attempt = <A>(run: () => Promise<A>): Effect.Effect<A, VoiceError> =>
      Effect.tryPromise({
        try: () => patience.work(run),
        // the error of a failed read is passed through
        catch: (cause) => cause instanceof VoiceError ? cause : corrupt(cause)
      })

    // what is being read when the scope closes is not read to its end
    const run = yield* FiberSet.makeRuntimePromise<never, Uint8Array, VoiceError>()
    const bunny = yield* Effect.tryPromise({
      try: () => import("mediabunny"),
      catch: (cause) =>
        failure(
          { kind: "Unsupported", detail: `the MP4 reader cannot be loaded: ${ByteSource.describe(cause)}` },
          cause
        )
    })
    const input = yield* Effect.acquireRelease(
      Effect.sync(() =>
        new bunny.Input({
          formats: [bunny.MP4, bunny.QTFF],
          source: new bunny.CustomSource({
            getSize: () => random.size,
            read: (start, end) =>
              end - start > maxPartBytes
                ? Promise.reject(failure({ kind: "Corrupt", detail: `a part of the MP4 is ${end - start} bytes long` }))
                : patience.read(() => run(random.read(start, end))),
            prefetchProfile: "network",
            handleUnhandledError: () => undefined
          })
        })
      ),
      (input) => Effect.sync(() => input.dispose())
    )

    const track = yield* quietly(bunny, attempt(() => input.getPrimaryAudioTrack()))
    if (track === null) {
      const tracks = yield* attempt(() => input.getTracks())
      return yield* failure(
        tracks.length === 0
          ? { kind: "Truncated", detail: "the MP4 has no index: it was cut off, or never finished" }
          : { kind: "Unsupported", detail: "the MP4 contains no sound" }
      )
    }
    const codec = Mp4Codec.codecOf(track.codec)
    if (codec === undefined) {
      const held = Mp4Codec.nameOf(track.codec, track.internalCodecId)
      return yield* failure({
        kind: "Unsupported",
        detail: `the MP4 contains ${held}, not Opus, AAC, MP3, FLAC or PCM`
      })
    }
    const sampleFormat = Mp4Codec.sampleFormatOf(track.codec)
    const config = yield* attempt(() => track.getDecoderConfig())
    const found = yield* attempt(() => input.getMetadataTags())
    const resolution = yield* attempt(() => track.getTimeResolution())
    const firstTime = yield* attempt(() => track.getFirstTimestamp())
    const origin = firstTime > maxLateSeconds ? firstTime : 0
    const duration = (yield* attempt(() => track.computeDuration())) - origin
    const rate = codec === "opus" ? 48_000 : track.sampleRate
    const channels = track.numberOfChannels
    const description = config?.description
    const setup = description === undefined
      ? []
      : [description instanceof Uint8Array ? description : new Uint8Array(0)]
    const [first] = setup
    const head = codec === "opus" && first !== undefined && OpusHead.isHead(first) ? OpusHead.decode(first) : undefined
    if (head !== undefined && "kind" in head) return yield* failure(head)
    const opus = head?.decoding
    const flac = codec === "flac" && first !== undefined ? FlacFrame.decodeInfo(first.subarray(flacInfoAt)) : undefined
    const bits = flac?.bits ?? 0
    if (bits > 24) {
      return yield* failure({
        kind: "Unsupported",
        detail: `the MP4 contains FLAC with ${bits} bits per sample; at most 24 are supported`
      })
    }
    const maxChannels = codec === "opus" && opus === undefined ? 2 : Samples.maxChannels
    if (channels < 1 || channels > maxChannels || rate < 1000 || rate > 768_000) {
      return yield* failure({
        kind: "Unsupported",
        detail: `the MP4 has ${channels} channels at ${rate} Hz, which is not supported`
      })
    }

    const known = firstTime < 0 ? undefined : gaplessOf(found)
    const delay = known?.delay ?? Math.max(0, Math.round(-firstTime * rate))
    const total = known?.total ?? Math.max(0, Math.round(duration * rate))
    const header: Header = {
      codec,
      rate,
      channels,
      setup,
      sampleFormat,
      opus,
      delay,
      total,
      warmUp: warmUps[codec],
      tags: tagsOf(found)
    }
    /** Packets count from the first sample that a decoder gives. */
    const shift = known === undefined ? delay : 0

    const sink = new bunny.EncodedPacketSink(track)
    let current: Mediabunny.EncodedPacket | undefined
    let begun = false
    /** The packet to continue with after a seek. */
    let sought: Mediabunny.EncodedPacket | undefined
    let problem: Problem | undefined
    let reached = 0
    /** The sample after the previous packet, if there was one. */
    let following: number | undefined

    const nextPacket = async (): Promise<Mediabunny.EncodedPacket | undefined> => {
      const next = sought ?? (current !== undefined
        ? await sink.getNextPacket(current)
        : begun
        ? null
        : await sink.getFirstPacket())
      sought = undefined
      begun = true
      current = next ?? undefined
      return current
    }

    /** The samples by which two times of the index may be wrong together, if its unit does not divide evenly by the rate. */
    const slack = resolution % rate === 0 ? 0 : 1 + Math.ceil(rate / resolution)

    /** The number of samples of a packet, whatever the index says about it. */
    const samplesOf = (data: Uint8Array, told: number): number => {
      switch (codec) {
        case "opus":
          return OpusStreams.samples(data, opus)
        case "aac":
          return Math.max(1024, slack === 0 ? told : 1024 * Math.round(told / 1024))
        case "mp3":
          return Mp3Reader.samplesOf(data) ?? told
        case "pcm":
          return sampleFormat === undefined ? told : Math.floor(data.length / Samples.bytesOf(sampleFormat) / channels)
        case "flac": {
          const frame = flac === undefined ? undefined : FlacFrame.frameAt(data, 0, data.length, flac)
          return typeof frame === "object" ? frame.samples : told
        }
      }
    }

    const packetOf = (packet: Mediabunny.EncodedPacket): Packet | Problem => {
      const data = packet.data
      if (data.length === 0) return { kind: "Truncated", detail: "it is shorter than its header says" }
      const samples = samplesOf(data, Math.round(packet.duration * rate))
      if (samples < 0) return { kind: "Corrupt", detail: `a packet of ${data.length} bytes is not valid Opus` }
      const told = Math.round((packet.timestamp - origin) * rate) + shift
      const start = following !== undefined && Math.abs(told - following) <= slack ? following : told
      following = start + samples
      return { data, samples, start, offset: -1 }
    }

    const pull: PacketSource["pull"] = Effect.gen(function*() {
      const packets: Array<Packet> = []
      while (packets.length < packetsAtOnce && problem === undefined) {
        const next = yield* attempt(nextPacket)
        if (next === undefined) {
          // a last packet may be shorter than the others
          const expected = Math.round(duration * rate) + shift
          if (reached + 4096 < expected) problem = { kind: "Truncated", detail: "it is shorter than its header says" }
          break
        }
        const packet = packetOf(next)
        if ("kind" in packet) {
          problem = packet
          break
        }
        reached = packet.start + packet.samples
        packets.push(packet)
      }
      if (packets.length > 0) {
        positionMs = Math.max(0, reached - (codec === "opus" ? 0 : delay)) / rate * 1000
        return packets
      }
      if (problem !== undefined) return yield* failure(problem)
      return yield* Cause.done()
    })

    const seek = (sample: number) =>
      Effect.map(attempt(() => sink.getPacket(origin + (sample - shift) / rate)), (packet) => {
        problem = undefined
        begun = false
        current = undefined
        following = undefined
        // there is none before the first packet: then the first one
        sought = packet ?? undefined
      })

    return {
      name,
      header,
      // an edit list may lead beyond the end
      durationMs: Math.max(0, codec === "opus" ? duration * 1000 : total / rate * 1000),
      live: false,
      pull,
      seek
    }
  })
