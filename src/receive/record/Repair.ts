/**
 * A recording's folder before and after: whether there is a recording in it, and what is left of one whose process died.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import { join } from "node:path"
import * as OggPage from "../../audio/OggPage.ts"
import * as OggWriter from "../../audio/OggWriter.ts"
import * as VoiceError from "../../VoiceError.ts"
import { preSkip } from "./Book.ts"
import * as Manifest from "./Manifest.ts"
import * as Outputs from "./Outputs.ts"
import * as Silence from "./Silence.ts"
import type { Storage } from "./Storage.ts"
import * as Wav from "./Wav.ts"

const isMissing = (cause: unknown): boolean => cause instanceof Error && "code" in cause && cause.code === "ENOENT"

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex")

/**
 * Fails with `RecordingFailed` if there is a recording in the folder, or it cannot be read.
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
          new VoiceError.RecordingFailed({ path: folder, kind: "Exists", detail: "there is a recording in it already" })
        )
        : Effect.void
  )
}

/**
 * The manifest with the hashes of files that could not be hashed while they were written.
 *
 * @category combinators
 * @since 0.1.0
 */
export const hashOverwritten = Effect.fnUntraced(function*(
  storage: Storage,
  folder: string,
  manifest: Manifest.Manifest
): Effect.fn.Return<Manifest.Manifest, VoiceError.VoiceError> {
  const { mixed } = manifest
  if (mixed === undefined || mixed.sha256 !== undefined) return manifest
  const path = join(folder, mixed.name)
  const bytes = yield* Outputs.attempt(path, () => storage.read(path))
  return { ...manifest, mixed: { ...mixed, bytes: bytes.length, sha256: sha256(bytes) } }
})

/** What is whole in an Ogg file. */
interface Whole {
  readonly bytes: number
  readonly granule: number
  readonly serial: number
  readonly pages: number
  readonly isEnded: boolean
}

const measure = (bytes: Uint8Array): Whole | undefined => {
  let whole: Whole | undefined
  for (let offset = 0;;) {
    const page = OggPage.decode(bytes, offset, bytes.length)
    if (typeof page !== "object") return whole
    offset = page.end
    whole = {
      bytes: offset,
      granule: page.granule === OggPage.noGranule ? whole?.granule ?? 0 : page.granule,
      serial: page.serial,
      pages: page.sequence + 1,
      isEnded: (page.flags & OggPage.flagLast) !== 0
    }
  }
}

/** Cuts the file to what is whole, makes it as long as the others, and ends it. */
const completeOgg = Effect.fnUntraced(function*(storage: Storage, path: string, whole: Whole, granule: number) {
  if (whole.isEnded) return
  const writer = OggWriter.make({
    preSkip,
    serial: whole.serial,
    resume: { granule: whole.granule, sequence: whole.pages }
  })
  const parts: Array<Uint8Array> = []
  const missing = Math.max(Silence.unitSamples, granule - whole.granule)
  Silence.fill(Math.ceil(missing / Silence.unitSamples) * Silence.unitSamples, (data) => {
    const bytes = writer.add({ data })
    if (bytes !== undefined) parts.push(bytes)
  })
  parts.push(writer.finish(Math.max(0, granule - preSkip)))
  yield* Outputs.attempt(path, async () => {
    const file = await storage.open(path)
    try {
      await file.truncate(whole.bytes)
      for (const part of parts) await file.append(part)
      await file.sync()
    } finally {
      await file.close()
    }
  })
})

const completeWav = (storage: Storage, path: string, bytes: Uint8Array) =>
  Outputs.attempt(path, async () => {
    const dataBytes = Math.max(0, Math.floor((bytes.length - Wav.headerBytes) / 4) * 4)
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
  const text = yield* Outputs.attempt(path, () => storage.read(path)).pipe(
    Effect.mapError((error) => notOne(error.message))
  )
  const manifest = yield* Manifest.decode(new TextDecoder().decode(text)).pipe(
    Effect.mapError(() => notOne(`${Manifest.fileName} is not the manifest of a recording`))
  )
  if (manifest.state === "complete" || manifest.state === "repaired") return manifest

  const read = (name: string) => Outputs.attempt(join(folder, name), () => storage.read(join(folder, name)))
  const names = [...manifest.users.map(({ userId }) => `${userId}.ogg`), "mixed.ogg"]
  const found = new Map<string, Whole>()
  for (const name of names) {
    // one that is not there was never written
    const bytes = yield* Effect.option(read(name))
    const whole = bytes._tag === "Some" ? measure(bytes.value) : undefined
    if (whole !== undefined) found.set(name, whole)
  }
  const granule = Math.max(preSkip, ...[...found.values()].map(({ granule }) => granule))
  for (const [name, whole] of found) yield* completeOgg(storage, join(folder, name), whole, granule)
  const wav = yield* Effect.option(read("mixed.wav"))
  if (wav._tag === "Some") yield* completeWav(storage, join(folder, "mixed.wav"), wav.value)

  const describe = Effect.fnUntraced(function*(name: string) {
    const bytes = yield* read(name)
    return { name, bytes: bytes.length, sha256: sha256(bytes) }
  })
  const mixedName = found.has("mixed.ogg") ? "mixed.ogg" : wav._tag === "Some" ? "mixed.wav" : undefined
  const repaired: Manifest.Manifest = {
    ...manifest,
    state: "repaired",
    durationMs: Math.round((granule - preSkip) / 4.8) / 10,
    ...mixedName === undefined ? {} : { mixed: yield* describe(mixedName) },
    users: yield* Effect.forEach(manifest.users, (user) => {
      const name = `${user.userId}.ogg`
      return found.has(name) ? Effect.map(describe(name), (file) => ({ ...user, file })) : Effect.succeed(user)
    })
  }
  yield* Outputs.attempt(path, () => storage.replace(path, Manifest.encode(repaired)))
  return repaired
})
