/**
 * A recording's folder before and after: whether it contains a recording, and what is left of one whose process died.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import { createHash } from "node:crypto"
import { join } from "node:path"
import * as OggPage from "../../audio/ogg/OggPage.ts"
import * as OggWriter from "../../audio/ogg/OggWriter.ts"
import * as VoiceError from "../../VoiceError.ts"
import * as Manifest from "./Manifest.ts"
import * as Outputs from "./Outputs.ts"
import * as Silence from "./Silence.ts"
import type { Storage } from "./Storage.ts"
import { preSkip } from "./UserFile.ts"
import * as Wav from "./Wav.ts"

const hasCode = (cause: unknown, code: string): boolean =>
  cause instanceof Error && "code" in cause && cause.code === code

const isMissing = (cause: unknown): boolean => hasCode(cause, "ENOENT")

/** The length and hash of a file, which is read in parts. `inTime` limits how long each part may take. */
const hashed = Effect.fnUntraced(function*(
  storage: Storage,
  folder: string,
  name: string,
  inTime: <A>(effect: Effect.Effect<A, VoiceError.VoiceError>) => Effect.Effect<A, VoiceError.VoiceError> = identity
): Effect.fn.Return<Required<Manifest.RecordedFile>, VoiceError.VoiceError> {
  const path = join(folder, name)
  const hash = createHash("sha256")
  const parts = storage.readParts(path)[Symbol.asyncIterator]()
  let bytes = 0
  const read = Effect.gen(function*() {
    while (true) {
      const part = yield* inTime(Outputs.attempt(path, () => parts.next()))
      if (part.done === true) return
      hash.update(part.value)
      bytes += part.value.length
    }
  })
  yield* Effect.ensuring(read, Effect.promise(async () => void await parts.return?.().catch(() => {})))
  return { name, bytes, sha256: hash.digest("hex") }
})

/**
 * Fails with `RecordingFailed` if the folder contains a recording or cannot be read.
 *
 * @category combinators
 * @since 0.1.0
 */
export const refuseExisting = (storage: Storage, folder: string): Effect.Effect<void, VoiceError.VoiceError> => {
  const path = join(folder, Manifest.fileName)
  return Effect.flatMap(
    Outputs.attempt(path, () =>
      storage.read(path).then(() => true, (cause) => {
        if (isMissing(cause)) return false
        throw cause
      })),
    (isThere) =>
      isThere
        ? VoiceError.fail(
          new VoiceError.RecordingFailed({ path: folder, kind: "Exists", detail: "it already contains a recording" })
        )
        : Effect.void
  )
}

/**
 * The manifest with the hashes of files that could not be hashed while they were written. `inTime` limits how long the disk may
 * take for each part.
 *
 * @category combinators
 * @since 0.1.0
 */
export const hashOverwritten = Effect.fnUntraced(function*(
  storage: Storage,
  folder: string,
  manifest: Manifest.Manifest,
  inTime: Parameters<typeof hashed>[3]
): Effect.fn.Return<Manifest.Manifest, VoiceError.VoiceError> {
  const whole = (file: Manifest.RecordedFile) =>
    file.sha256 === undefined ? hashed(storage, folder, file.name, inTime) : Effect.succeed(file)
  const { mixed } = manifest
  return {
    ...manifest,
    ...mixed === undefined ? {} : { mixed: yield* whole(mixed) },
    users: yield* Effect.forEach(
      manifest.users,
      (user) =>
        user.file === undefined ? Effect.succeed(user) : Effect.map(whole(user.file), (file) => ({ ...user, file }))
    )
  }
})

/** The intact part of an Ogg file. */
interface Whole {
  readonly bytes: number
  readonly granule: number
  readonly serial: number
  readonly pages: number
  readonly isEnded: boolean
}

/** No player can read half of the headers: torn headers are rewritten. */
const torn: Whole = { bytes: 0, granule: 0, serial: 1, pages: 0, isEnded: false }

/** Whether it begins like an Ogg file that was cut off, or is zeros after a point, and contains no sound. */
const isTorn = (bytes: Uint8Array): boolean => {
  const end = bytes.findLastIndex((byte) => byte !== 0) + 1
  return OggPage.isCapture(bytes, 0, end) && !OggPage.all(bytes).some(({ granule }) => granule > 0)
}

/** Includes the page, whose position counts from `offset`. */
const upTo = (whole: Whole | undefined, page: OggPage.OggPage, offset = 0): Whole => ({
  bytes: offset + page.end,
  // a page on which no packet ends completes nothing
  granule: page.granule === OggPage.noGranule ? whole?.granule ?? 0 : page.granule,
  serial: page.serial,
  pages: page.sequence + 1,
  isEnded: (page.flags & OggPage.flagLast) !== 0
})

/**
 * Whether a page that was found after damaged bytes, which reach from the end of the intact part to `start`, can belong to the
 * file. Packets contain what others have sent, including complete forged pages.
 */
const belongs = (whole: Whole, page: OggPage.OggPage, start: number): boolean => {
  const missing = page.sequence - whole.pages
  // the missing pages were there
  if (page.serial !== whole.serial || missing < 0 || missing > (start - whole.bytes) / OggPage.headerBytes) return false
  const latest = whole.granule + (missing + 1) * OggWriter.maxPageSamples
  return page.granule === OggPage.noGranule || (page.granule >= whole.granule && page.granule <= latest)
}

/**
 * The intact part after a place that the disk has lost: players continue with the next intact page there (RFC 3533, 6). If
 * pages contradict each other some of them are not ours; those that continue one another for the most bytes are chosen, because
 * forged pages can only be in the bytes that are lost.
 */
const behind = (whole: Whole, bytes: Uint8Array): Whole => {
  const offset = whole.bytes
  const chains: Array<{ whole: Whole; size: number }> = [{ whole, size: 0 }]
  for (const page of OggPage.all(bytes.subarray(offset))) {
    const start = offset + page.start
    const size = page.end - page.start
    const last = chains.at(-1)
    if (last !== undefined && last.whole.bytes === start && belongs(last.whole, page, start)) {
      last.whole = upTo(last.whole, page, offset)
      last.size += size
      continue
    }
    let before: typeof last
    for (const chain of chains) {
      if (belongs(chain.whole, page, start) && chain.size >= (before?.size ?? 0)) before = chain
    }
    if (before !== undefined) chains.push({ whole: upTo(before.whole, page, offset), size: before.size + size })
  }
  return chains.reduce((best, chain) => chain.size > best.size ? chain : best).whole
}

/** Returns `undefined` if the headers are damaged, or it is not Ogg. */
const measure = (bytes: Uint8Array): Whole | undefined => {
  let whole: Whole | undefined
  let ended = 0
  let offset = 0
  let page = OggPage.decode(bytes, offset, bytes.length)
  for (; typeof page === "object"; page = OggPage.decode(bytes, offset, bytes.length)) {
    if (page.granule !== OggPage.noGranule) ended++
    whole = upTo(whole, page)
    offset = whole.bytes
  }
  // RFC 7845, 3: two packets are headers, the second on as many pages of its own as it needs
  if (whole === undefined || ended < 2) return isTorn(bytes) ? torn : undefined
  // torn at the end of the file: the rest is not a page
  if (page === undefined) return whole
  return behind(whole, bytes)
}

/** Cuts the file to its intact part, extends it to the length of the others, and ends it. */
const completeOgg = Effect.fnUntraced(function*(
  storage: Storage,
  path: string,
  whole: Whole,
  granule: number,
  artist: string
) {
  if (whole.isEnded) return
  const writer = OggWriter.make({
    preSkip,
    serial: whole.serial,
    tags: { ARTIST: artist },
    resume: whole === torn ? undefined : { granule: whole.granule, sequence: whole.pages }
  })
  const parts: Array<Uint8Array> = []
  const missing = Math.max(Silence.unitSamples, granule - whole.granule)
  Silence.fill(Math.ceil(missing / Silence.unitSamples) * Silence.unitSamples, (data) => {
    const bytes = writer.add({ data })
    if (bytes !== undefined) parts.push(bytes)
  })
  parts.push(writer.finish(granule - preSkip))
  yield* Outputs.attempt(path, async () => {
    const file = await storage.open(path)
    try {
      await file.truncate(whole.bytes)
      try {
        for (const part of parts) await file.append(part)
      } catch (cause) {
        // half a page could not be played, so it is removed
        await file.truncate(whole.bytes).catch(() => undefined)
        throw cause
      }
      await file.sync()
    } finally {
      await file.close()
    }
  })
})

/** The number of complete samples in a WAV file of this size. */
const wavSamples = (bytes: number): number => Math.max(0, Math.floor((bytes - Wav.headerBytes) / Wav.sampleBytes))

/** Extends the file to the length of the others, and corrects its header. */
const completeWav = (storage: Storage, path: string, samples: number) =>
  Outputs.attempt(path, async () => {
    const dataBytes = samples * Wav.sampleBytes
    const file = await storage.open(path)
    try {
      await file.truncate(Wav.headerBytes + dataBytes)
      await file.overwrite(Wav.header({ channels: 2, rate: 48_000, dataBytes }), 0)
      await file.sync()
    } finally {
      await file.close()
    }
  })

/**
 * See `Recorder.repair`.
 *
 * @category combinators
 * @since 0.1.0
 */
export const run = Effect.fnUntraced(function*(
  storage: Storage,
  folder: string
): Effect.fn.Return<Manifest.Manifest, VoiceError.VoiceError> {
  const notOne = (detail: string) =>
    VoiceError.make(new VoiceError.RecordingFailed({ path: folder, kind: "NotARecording", detail }))
  const path = join(folder, Manifest.fileName)
  const text = yield* Effect.tryPromise({
    try: () => storage.read(path),
    // an unreadable one still exists, and a path that is not a folder contains none
    catch: (cause) =>
      isMissing(cause) || hasCode(cause, "ENOTDIR")
        ? notOne(`there is no ${Manifest.fileName}`)
        : Outputs.failure(path, cause)
  })
  const manifest = yield* Manifest.decode(new TextDecoder().decode(text)).pipe(
    Effect.mapError(() => notOne(`${Manifest.fileName} is not the manifest of a recording`))
  )
  if (manifest.state === "complete" || manifest.state === "repaired") return manifest

  /** A missing file was never written; an unreadable one is a different matter. */
  const ifThere = <A>(name: string, use: (path: string) => Promise<A>) => {
    const path = join(folder, name)
    return Outputs.attempt(path, () =>
      use(path).catch((cause): undefined => {
        if (!isMissing(cause)) throw cause
      }))
  }
  const names = [...manifest.users.map(({ userId }) => userId), "mixed"]
  const oggs = new Map<string, Whole>()
  const wavs = new Map<string, number>()
  /** Files that are left unchanged. */
  const damaged = new Set<string>()
  for (const name of names) {
    const bytes = yield* ifThere(`${name}.ogg`, storage.read)
    const whole = bytes === undefined ? undefined : measure(bytes)
    if (whole !== undefined) oggs.set(name, whole)
    else if (bytes !== undefined) {
      damaged.add(name)
      yield* Effect.logWarning(
        `${join(folder, `${name}.ogg`)} cannot be repaired because its headers are damaged. It is left as it is.`
      )
    }
    const size = yield* ifThere(`${name}.wav`, storage.size)
    if (size !== undefined) wavs.set(name, wavSamples(size))
  }
  const granules = [...oggs.values()].map(({ granule }) => granule)
  const granule = Math.max(preSkip, ...granules, ...[...wavs.values()].map((samples) => preSkip + samples))
  for (const [name, whole] of oggs) {
    yield* completeOgg(storage, join(folder, `${name}.ogg`), whole, granule, name === "mixed" ? "all" : name)
  }
  for (const name of wavs.keys()) yield* completeWav(storage, join(folder, `${name}.wav`), granule - preSkip)

  /** A missing file does not belong to the recording: the disk has refused it. */
  const describe = Effect.fnUntraced(function*(name: string, told: Manifest.RecordedFile | undefined) {
    const found = oggs.has(name) ? `${name}.ogg` : wavs.has(name) ? `${name}.wav` : undefined
    if (found !== undefined) return yield* hashed(storage, folder, found)
    return damaged.has(name) ? told : undefined
  })
  const { mixed: toldMixed, ...others } = manifest
  const mixed = yield* describe("mixed", toldMixed)
  const repaired: Manifest.Manifest = {
    ...others,
    state: "repaired",
    durationMs: Math.round((granule - preSkip) / 4.8) / 10,
    ...mixed === undefined ? {} : { mixed },
    users: yield* Effect.forEach(
      manifest.users,
      ({ file: told, ...user }) =>
        Effect.map(describe(user.userId, told), (file) => file === undefined ? user : { ...user, file })
    )
  }
  yield* Outputs.attempt(path, () => storage.replace(path, Manifest.encode(repaired)))
  return repaired
})
