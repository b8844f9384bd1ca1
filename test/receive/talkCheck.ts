/** Compares what was said in a simulated call with what came out: files, utterances, ticks and the mix. */
import { Effect } from "effect"
import type * as Recorder from "../../src/receive/Recorder.ts"
import * as Kit from "./record/kit.ts"
import { sha256 } from "./record/recording.ts"
import * as Talk from "./talk.ts"

/** Everything is examined at 16 samples per millisecond. */
const perMs = 16
const windowMs = 20

interface Found {
  /** From the middle of the first window that contains the tone to the middle of the last one, in milliseconds. */
  readonly first: number
  readonly last: number
  /** For how many milliseconds it is heard. */
  readonly ms: number
}

/** Where a tone is in a signal. */
const find = (signal: Float32Array, hz: number, fromMs = 0, toMs = Infinity): Found => {
  const size = windowMs * perMs
  const hop = size / 8
  const cos = new Float32Array(size)
  const sin = new Float32Array(size)
  for (let i = 0; i < size; i++) {
    const window = 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / size)
    cos[i] = window * Math.cos((2 * Math.PI * hz * i) / (1_000 * perMs))
    sin[i] = window * Math.sin((2 * Math.PI * hz * i) / (1_000 * perMs))
  }
  let first = Infinity
  let last = -Infinity
  let hits = 0
  const end = Math.min(signal.length - size, toMs * perMs)
  for (let from = Math.max(0, Math.floor(fromMs * perMs)); from <= end; from += hop) {
    let re = 0
    let im = 0
    for (let i = 0; i < size; i++) {
      const value = signal[from + i] ?? 0
      re += value * (cos[i] ?? 0)
      im += value * (sin[i] ?? 0)
    }
    if (4 * Math.hypot(re, im) / size < Talk.level / 2) continue
    const ms = (from + size / 2) / perMs
    first = Math.min(first, ms)
    last = Math.max(last, ms)
    hits++
  }
  return { first, last, ms: hits * hop / perMs }
}

const joined = (pieces: ReadonlyArray<Int16Array>): Int16Array => {
  const out = new Int16Array(pieces.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const piece of pieces) {
    out.set(piece, at)
    at += piece.length
  }
  return out
}

const floats = (pcm: Int16Array): Float32Array => {
  const out = new Float32Array(pcm.length)
  for (let i = 0; i < pcm.length; i++) out[i] = (pcm[i] ?? 0) / 32_768
  return out
}

/** The left channel of a WAV file, reduced to every third sample. */
const leftOf = (wav: Uint8Array): Float32Array => {
  const view = new DataView(wav.buffer, wav.byteOffset + 44)
  const out = new Float32Array(Math.floor((wav.length - 44) / 12))
  for (let i = 0; i < out.length; i++) out[i] = view.getInt16(12 * i, true) / 32_768
  return out
}

const third = (samples: Float32Array): Float32Array => {
  const out = new Float32Array(Math.floor(samples.length / 3))
  for (let i = 0; i < out.length; i++) out[i] = samples[3 * i] ?? 0
  return out
}

/** Lists what is wrong with the result of a plan. */
const problems = Effect.fnUntraced(function*(plan: Talk.Plan, result: Talk.Result) {
  const { bad, disk, events, manifest, mixed, said, sounds, startMs, ticks } = result
  const { jitterMs, latencyMs, reorder } = plan.network
  /** How much later than without jitter a packet may arrive. */
  const late = jitterMs + (reorder > 0 ? 45 : 0)
  const wrong: Array<string> = []
  const isBad = (fromMs: number, toMs: number) => bad.some(([from, to]) => toMs >= from && fromMs <= to)
  const good = said.filter(({ packetsMs }) =>
    packetsMs.every((ms) => !Number.isNaN(ms)) && !isBad(packetsMs[0] ?? 0, (packetsMs.at(-1) ?? 0) + 40)
  )
  /** When the sound of a word begins, as it is heard without jitter. */
  const truthOf = ({ packetsMs, word }: Talk.Said) => (packetsMs[0] ?? 0) + word.leadMs + latencyMs
  const nameOf = (one: Talk.Said) => `${one.word.hz} Hz at ${Math.round(truthOf(one) - startMs)} ms`

  /**
   * Whether a word is there, in one piece, and neither too early nor too late. Up to `lost` milliseconds of it may be
   * missing.
   */
  const expect = (
    where: string,
    one: Talk.Said,
    found: Found,
    atMs: number,
    may: { readonly early: number; readonly late: number; readonly lost?: number }
  ) => {
    const { ms } = one.word
    const off = atMs + found.first - truthOf(one)
    const lost = 15 + (may.lost ?? 0)
    if (found.ms < ms - lost) wrong.push(`${where}: of ${nameOf(one)} there are ${found.ms} of ${ms} ms`)
    else if (found.last - found.first > ms + 25 + (may.lost ?? 0)) wrong.push(`${where}: ${nameOf(one)} is torn`)
    else if (off < -may.early || off > may.late) wrong.push(`${where}: ${nameOf(one)} is off by ${off} ms`)
  }
  const around = (one: Talk.Said, zeroMs: number) =>
    [truthOf(one) - zeroMs - 400, truthOf(one) - zeroMs + one.word.ms + 400] as const

  // the files
  const contents = disk.files()
  const contentOf = (file: Recorder.RecordedFile | undefined) => {
    const bytes = contents.get(`/recording/${file?.name}`) ?? new Uint8Array(44)
    if (bytes.length !== file?.bytes || sha256(bytes) !== file.sha256) {
      wrong.push(`${file?.name} is not what the manifest says`)
    }
    return bytes
  }
  const length = (name: string, samples: number) => {
    if (Math.abs(samples - manifest.durationMs * 48) > 6) wrong.push(`${name} has ${samples} samples`)
  }
  const files = new Map<string, Float32Array>()
  for (const { file, userId } of manifest.users) {
    if (file === undefined) continue
    const { errors, left, samples } = yield* Kit.decode(contentOf(file))
    if (errors.length > 0) wrong.push(`${file.name} cannot be decoded`)
    length(file.name, samples)
    files.set(userId, third(left))
  }
  const mixedFile = leftOf(contentOf(manifest.mixed))
  length("mixed.wav", 3 * mixedFile.length)
  for (const one of good) {
    const own = files.get(one.person) ?? new Float32Array()
    for (const [name, signal] of [["its file", own], ["mixed.wav", mixedFile]] as const) {
      expect(name, one, find(signal, one.word.hz, ...around(one, startMs)), startMs, { early: 8, late: late + 8 })
    }
  }

  // utterances
  const utterances = events.flatMap(({ event }) =>
    event._tag === "Ended" ? [{ ...event.utterance, signal: floats(event.utterance.pcm) }] : []
  )
  for (const one of good) {
    const having = utterances
      .filter(({ endMs, startMs: fromMs, userId }) =>
        userId === one.person && fromMs < truthOf(one) + one.word.ms + 300 && endMs > truthOf(one) - 300
      )
      .map((utterance) => ({ utterance, found: find(utterance.signal, one.word.hz) }))
      .filter(({ found }) => found.ms > 30)
    if (having.length !== 1) wrong.push(`${nameOf(one)} is in ${having.length} utterances`)
    for (const { found, utterance } of having) {
      // its place is derived from its beginning, so it may be off after lost or delayed packets
      if (isBad(utterance.startMs, utterance.startMs)) continue
      // without silence after it, the end that the decoder still holds is missing; and until the jitter is known, so
      // are packets out of order
      const lost = 7 + (reorder > 0 ? 45 : 0)
      expect("utterance", one, found, utterance.audioStartMs, { early: late + 10, late: late + 15, lost })
    }
  }
  for (const { audioStartMs, endMs, opus, pcm, startMs: fromMs, userId } of utterances) {
    const at = `at ${Math.round(fromMs - startMs)} ms`
    const isSaid = said.some(({ packetsMs, person }) =>
      person === userId && (packetsMs[0] ?? 0) < endMs && (packetsMs.at(-1) ?? 0) + 800 > fromMs
    )
    if (!isSaid && !isBad(fromMs, endMs)) wrong.push(`nobody has said the utterance ${at}`)
    const more = opus.reduce((sum, { samples }) => sum + samples, 0) / 48 - pcm.length / perMs
    if (more < -0.1 || more > 45) wrong.push(`the packets of the utterance ${at} are ${more} ms longer than its sound`)
    if (!(audioStartMs <= fromMs && fromMs < endMs)) wrong.push(`the times of the utterance ${at} are in disorder`)
  }
  for (const userId of new Set(utterances.map((utterance) => utterance.userId))) {
    const states = { Started: ["over"], Confirmed: ["begun"], Ended: ["begun", "sure"], Discarded: ["begun"] }
    let state = "over"
    for (const { event } of events) {
      if ((event._tag === "Ended" ? event.utterance.userId : event.userId) !== userId) continue
      if (!states[event._tag].includes(state)) wrong.push(`${event._tag} while it is ${state}`)
      state = event._tag === "Started" ? "begun" : event._tag === "Confirmed" ? "sure" : "over"
    }
    if (state !== "over") wrong.push("an utterance never ends")
    const own = utterances.filter((utterance) => utterance.userId === userId)
    own.forEach(({ startMs: fromMs }, i) => {
      if (fromMs < (own[i - 1]?.endMs ?? -Infinity) - 1) wrong.push(`two utterances at ${fromMs - startMs} ms`)
    })
  }
  for (const { event, pcm } of sounds) {
    const whole = utterances.find(({ startMs: fromMs, userId }) => userId === event.userId && fromMs === event.startMs)
    const all = joined(pcm)
    const differs = whole?.pcm.findIndex((value, i) => value !== all[i]) ?? -1
    if (differs >= 0) {
      wrong.push(`Started at ${event.startMs - startMs} ms has other sound than Ended from ${differs} on`)
    }
  }
  for (const { atMs, event } of events) {
    if (event._tag !== "Started" || isBad(event.startMs, atMs)) continue
    // the buffer allows for the delays of its last two windows, which are longer if less is heard
    const longer = plan.troubles.some(({ kind }) => kind === "delay") && bad.some(([, toMs]) => toMs > atMs - 25_000)
    if (atMs - event.startMs > 190 + late + (longer ? 150 : 0)) {
      wrong.push(`Started comes ${atMs - event.startMs} ms behind`)
    }
  }

  // ticks
  const zeroMs = ticks[0]?.atMs ?? 0
  const lines = new Map<string, Float32Array>()
  ticks.forEach(({ index, parts }, i) => {
    if (index !== i) wrong.push(`tick ${index} in place of ${i}`)
    for (const [userId, pcm] of parts) {
      const line = lines.get(userId) ?? new Float32Array(ticks.length * 20 * perMs)
      lines.set(userId, line)
      line.set(floats(pcm), i * 20 * perMs)
    }
  })
  const sum = floats(joined(mixed.map(({ pcm }) => pcm)))
  const sumMs = mixed[0]?.atMs ?? 0
  // a tick is left out if the clocks are off, or when the jitter becomes known
  const may = { early: late + 25, late: late + 25, lost: late > 0 ? 25 + late : 0 }
  for (const one of good) {
    const line = lines.get(one.person) ?? new Float32Array()
    expect("ticks", one, find(line, one.word.hz, ...around(one, zeroMs)), zeroMs, may)
    expect("mixed", one, find(sum, one.word.hz, ...around(one, sumMs)), sumMs, may)
  }
  return { wrong, good: good.length }
})

/** Plays this many plans. Returns how many words had an undisturbed way, and dies if a plan went wrong. */
export const playAll = Effect.fnUntraced(function*(from: number, plans: number) {
  const words = yield* Talk.vocabulary
  let all = 0
  for (let seed = from; seed < from + plans; seed++) {
    const plan = Talk.draw(seed)
    const { good, wrong } = yield* Effect.flatMap(Talk.observe(plan, words), (result) => problems(plan, result))
    all += good
    if (wrong.length === 0) continue
    const alone = `alone: SEED=${seed} npx vitest run test/receive/talk.test.ts`
    return yield* Effect.die(new Error([`seed ${seed}:`, ...wrong, JSON.stringify(plan), alone].join("\n")))
  }
  return all
})
