/** What the tests of recordings share: a disk in memory, sound that can be found again, and independent readers. */
import { Effect } from "effect"
import { ALL_FORMATS, BufferSource, EncodedPacketSink, Input } from "mediabunny"
import { OggOpusDecoder } from "ogg-opus-decoder"
import * as OpusEncoder from "../../../src/OpusEncoder.ts"
import type { Storage, StoredFile } from "../../../src/receive/record/Storage.ts"

export interface Disk extends Storage {
  readonly files: Map<string, Uint8Array>
  /** How many bytes there is still room for. */
  room: number
  /** Every operation waits for this. */
  gate: Promise<void>
  readonly file: (name: string) => Uint8Array
}

const errno = (code: string) => Object.assign(new Error(`${code}: said by the test`), { code })

/** A disk in memory. When it is full, it takes what there is room for, as real disks do. */
export const disk = (room = Infinity): Disk => {
  const files = new Map<string, Uint8Array>()
  const get = (path: string): Uint8Array => {
    const bytes = files.get(path)
    if (bytes === undefined) throw errno("ENOENT")
    return bytes
  }
  const open = (path: string): StoredFile => ({
    append: async (bytes) => {
      await self.gate
      const taken = bytes.subarray(0, Math.max(0, self.room))
      self.room -= taken.length
      files.set(path, new Uint8Array(Buffer.concat([get(path), taken])))
      if (taken.length < bytes.length) throw errno("ENOSPC")
    },
    overwrite: async (bytes, position) => {
      await self.gate
      get(path).set(bytes, position)
    },
    truncate: async (size) => {
      const bytes = new Uint8Array(size)
      bytes.set(get(path).subarray(0, size))
      files.set(path, bytes)
    },
    sync: async () => {},
    close: async () => {}
  })
  const self: Disk = {
    files,
    room,
    gate: Promise.resolve(),
    makeFolder: async () => {},
    create: async (path) => {
      await self.gate
      if (files.has(path)) throw errno("EEXIST")
      files.set(path, new Uint8Array())
      return open(path)
    },
    open: async (path) => {
      get(path)
      return open(path)
    },
    replace: async (path, bytes) => {
      await self.gate
      if (self.room <= 0) throw errno("ENOSPC")
      files.set(path, bytes)
    },
    read: async (path) => get(path),
    readParts: async function*(path) {
      const bytes = get(path)
      for (let at = 0; at < bytes.length; at += 1_000) yield bytes.subarray(at, at + 1_000)
    },
    size: async (path) => get(path).length,
    remove: async (path) => void files.delete(path),
    file: (name) => {
      const found = [...files].find(([path]) => path.endsWith(`/${name}`))
      if (found === undefined) throw new Error(`there is no ${name} among ${[...files.keys()].join(", ")}`)
      return found[1]
    }
  }
  return self
}

/** What libopus decodes from a file: samples of the left channel at 48 kHz. */
export const decode = (bytes: Uint8Array) =>
  Effect.promise(async () => {
    const decoder = new OggOpusDecoder()
    await decoder.ready
    const { channelData, errors, samplesDecoded } = await decoder.decodeFile(bytes)
    decoder.free()
    const [left = new Float32Array()] = channelData
    return { left, errors, samples: samplesDecoded }
  })

/** What an independent demuxer finds in a file. */
export const demux = (bytes: Uint8Array) =>
  Effect.promise(async () => {
    const input = new Input({ source: new BufferSource(bytes), formats: ALL_FORMATS })
    const track = await input.getPrimaryAudioTrack()
    if (track === null) throw new Error("no track")
    const packets: Array<{ readonly data: Uint8Array; readonly at: number; readonly samples: number }> = []
    for await (const packet of new EncodedPacketSink(track).packets()) {
      packets.push({
        data: packet.data,
        at: Math.round(packet.timestamp * 48_000),
        samples: Math.round(packet.duration * 48_000)
      })
    }
    return { packets, seconds: await input.computeDuration() }
  })

/** Sound with clicks at these samples, in 20 ms frames of Opus, with silence or some noise in between. */
export const clicks = Effect.fnUntraced(function*(frames: number, at: ReadonlyArray<number>, noise = 0) {
  const encoder = yield* (yield* OpusEncoder.OpusEncoder).make({ channels: 1, bitrate: 64_000, application: "audio" })
  const pcm = Int16Array.from({ length: frames * 960 }, (_, i) => noise * Math.sin(i * i))
  for (const sample of at) pcm.fill(20_000, sample, sample + 24)
  const packets: Array<{ readonly data: Uint8Array; readonly samples: number }> = []
  for (let i = 0; i < frames; i++) {
    packets.push({ data: yield* encoder.encode(pcm.slice(i * 960, (i + 1) * 960)), samples: 960 })
  }
  return packets
})

/** Where clicks begin, in samples. */
export const clicksIn = (left: Float32Array): ReadonlyArray<number> => {
  const found: Array<number> = []
  for (let i = 0; i < left.length; i++) {
    if (Math.abs(left[i] ?? 0) > 0.2 && i - (found.at(-1) ?? -Infinity) > 4_800) found.push(i)
  }
  return found
}
