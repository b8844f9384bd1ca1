/**
 * Composes the piece of music that the command `demo` plays, and writes it as Ogg Opus. It uses a small synthesizer,
 * and the encoder and the Ogg writer of the library. With the same version of libopus, it writes the same file, byte
 * for byte.
 *
 *     node examples/make-music.ts [FILE]        (default: src/cli/assets/music.ogg)
 *
 * Fourteen seconds at 120 beats a minute in C major: C, G/B, Am, F, Dm, G, and back to C. Pad, bass, plucked arpeggio,
 * melody and drums, with reverb.
 */
import { Effect } from "effect"
import * as Fs from "node:fs"
import { fileURLToPath } from "node:url"
import * as OggWriter from "../src/audio/ogg/OggWriter.ts"
import * as OpusEncoder from "../src/OpusEncoder.ts"

const rate = 48_000
const beat = 0.5
const bars = 7
const total = bars * 4 * beat * rate
const left = new Float64Array(total)
const right = new Float64Array(total)
/** The input of the reverb. */
const send = new Float64Array(total)

/** Hz of a MIDI note. */
const pitch = (note: number): number => 440 * 2 ** ((note - 69) / 12)

/** Adds a sound: `wave` is its value at a time in seconds, `pan` is -1 (left) to 1, `hall` is how much reverb it gets. */
const voice = (o: {
  readonly at: number
  readonly seconds: number
  readonly gain: number
  readonly pan: number
  readonly hall: number
  readonly wave: (t: number) => number
}): void => {
  const first = Math.round(o.at * rate)
  const last = Math.min(total, first + Math.round(o.seconds * rate))
  const angle = (o.pan + 1) * Math.PI / 4
  for (let i = first; i < last; i++) {
    const sample = o.gain * o.wave((i - first) / rate)
    left[i] = (left[i] ?? 0) + sample * Math.cos(angle)
    right[i] = (right[i] ?? 0) + sample * Math.sin(angle)
    send[i] = (send[i] ?? 0) + sample * o.hall
  }
}

const sine = (cycles: number): number => Math.sin(2 * Math.PI * cycles)

/** Rises in `attack` seconds, holds, and falls from `end - release` to `end`. */
const swell = (t: number, attack: number, end: number, release: number): number =>
  Math.min(1, t / attack, Math.max(0, (end - t) / release))

const pad = (at: number, beats: number, note: number, pan: number): void => {
  const seconds = beats * beat + 0.6
  const hz = pitch(note)
  voice({
    at,
    seconds,
    gain: 0.035,
    pan,
    hall: 0.5,
    wave: (t) => {
      let sample = 0
      // A soft sawtooth: weaker harmonics than a real one, in two slightly detuned voices.
      for (let h = 1; h <= 6; h++) {
        sample += (sine(hz * h * 1.0023 * t) + sine(hz * h * 0.9979 * t)) / (h * Math.sqrt(h))
      }
      return sample * swell(t, 0.25, seconds, 0.6) * (0.85 + 0.15 * sine(0.7 * t + pan))
    }
  })
}

const bass = (at: number, beats: number, note: number): void => {
  const seconds = beats * beat
  const hz = pitch(note)
  voice({
    at,
    seconds,
    gain: 0.3,
    pan: 0,
    hall: 0.02,
    wave: (t) =>
      (sine(hz * t) + 0.35 * sine(2 * hz * t) * Math.exp(-5 * t) + 0.12 * sine(3 * hz * t) * Math.exp(-9 * t)) *
      swell(t, 0.006, seconds, 0.05) * Math.exp(-1.1 * t)
  })
}

const pluck = (at: number, note: number, pan: number, gain = 0.11): void => {
  const hz = pitch(note)
  voice({
    at,
    seconds: 1.2,
    gain,
    pan,
    hall: 0.35,
    // Frequency modulation, brighter at the attack.
    wave: (t) =>
      Math.sin(2 * Math.PI * hz * t + 2.2 * Math.exp(-9 * t) * sine(hz * 3 * t)) * Math.exp(-4.5 * t) *
      swell(t, 0.002, 1.2, 0.1)
  })
}

const melody = (at: number, beats: number, note: number): void => {
  const seconds = beats * beat + 0.12
  const hz = pitch(note)
  voice({
    at,
    seconds,
    gain: 0.15,
    pan: 0.15,
    hall: 0.45,
    wave: (t) => {
      const vibrato = 0.00027 * Math.min(1, t / 0.3) * sine(5.3 * t)
      const phase = hz * (t + vibrato)
      return (sine(phase) + 0.28 * sine(2 * phase) + 0.16 * sine(3 * phase) + 0.05 * sine(4 * phase)) *
        swell(t, 0.03, seconds, 0.14)
    }
  })
}

/** Noise that is the same in every run. */
let state = 0x2545f491
const noise = (): number => {
  state ^= state << 13
  state ^= state >>> 17
  state ^= state << 5
  return state / 0x8000_0000
}

const kick = (at: number): void =>
  voice({
    at,
    seconds: 0.3,
    gain: 0.5,
    pan: 0,
    hall: 0.03,
    wave: (t) => sine(48 * t + 1.75 * (1 - Math.exp(-28 * t))) * Math.exp(-13 * t) * swell(t, 0.001, 0.3, 0.05)
  })

const hat = (at: number, pan: number, gain: number): void => {
  let before = 0
  voice({
    at,
    seconds: 0.09,
    gain,
    pan,
    hall: 0.1,
    wave: (t) => {
      const sample = noise()
      const bright = sample - before
      before = sample
      return bright * Math.exp(-55 * t)
    }
  })
}

const snare = (at: number): void =>
  voice({
    at,
    seconds: 0.25,
    gain: 0.13,
    pan: -0.1,
    hall: 0.4,
    wave: (t) => (noise() * 0.8 + sine(185 * t) * Math.exp(-12 * t)) * Math.exp(-17 * t)
  })

const chords: ReadonlyArray<{ readonly bass: number; readonly notes: readonly [number, number, number, number] }> = [
  { bass: 36, notes: [60, 64, 67, 71] },
  { bass: 35, notes: [59, 62, 67, 74] },
  { bass: 33, notes: [60, 64, 69, 72] },
  { bass: 29, notes: [57, 60, 65, 72] },
  { bass: 38, notes: [57, 62, 65, 72] },
  { bass: 31, notes: [59, 62, 65, 71] },
  { bass: 36, notes: [60, 64, 67, 74] }
]

const tune: ReadonlyArray<readonly [beat: number, beats: number, note: number]> = [
  [0, 1.5, 76],
  [1.5, 0.5, 74],
  [2, 1, 72],
  [3, 1, 79],
  [4, 1.5, 79],
  [5.5, 0.5, 77],
  [6, 2, 74],
  [8, 1, 76],
  [9, 0.5, 77],
  [9.5, 0.5, 79],
  [10, 1, 81],
  [11, 1, 84],
  [12, 2, 81],
  [14, 1, 79],
  [15, 1, 77],
  [16, 1.5, 77],
  [17.5, 0.5, 79],
  [18, 1, 81],
  [19, 1, 77],
  [20, 1.5, 79],
  [21.5, 0.5, 77],
  [22, 1, 74],
  [23, 1, 71],
  [24, 3, 72]
]

const compose = (): void => {
  chords.forEach(({ bass: root, notes }, bar) => {
    const at = bar * 4 * beat
    const last = bar === bars - 1
    notes.forEach((note, i) => pad(at, last ? 2.6 : 4, note, (i - 1.5) / 2))
    if (last) {
      bass(at, 3, root)
      notes.forEach((note, i) => pluck(at + i * 0.07, note + 12, (i - 1.5) / 1.8))
      kick(at)
      return
    }
    for (const [offset, beats, up] of [[0, 1.5, 0], [1.5, 1, 12], [2.5, 1, 0], [3.5, 0.5, 7]] as const) {
      bass(at + offset * beat, beats, root + up)
    }
    for (let eighth = 0; eighth < 8; eighth++) {
      const note = notes[[0, 2, 1, 3, 2, 1, 3, 2][eighth] ?? 0] ?? root
      pluck(at + eighth * beat / 2, note + 12, eighth % 2 === 0 ? -0.7 : 0.7, 0.09)
      hat(at + eighth * beat / 2, 0.35, eighth % 2 === 0 ? 0.035 : 0.06)
    }
    for (const offset of [0, 2, 2.75]) kick(at + offset * beat)
    for (const offset of [1, 3]) snare(at + offset * beat)
  })
  for (const [start, beats, note] of tune) melody(start * beat, beats, note)
}

/** A Schroeder reverb: parallel comb filters, then two allpass filters. `spread` makes the two sides differ. */
const hall = (input: Float64Array, spread: number): Float64Array => {
  const out = new Float64Array(input.length)
  for (const [delay, feedback] of [[1687, 0.773], [1601, 0.802], [2053, 0.753], [2251, 0.733]] as const) {
    const line = new Float64Array(delay + spread)
    let damped = 0
    for (let i = 0, at = 0; i < input.length; i++, at = (at + 1) % line.length) {
      const echo = line[at] ?? 0
      damped += 0.6 * (echo - damped)
      line[at] = (input[i] ?? 0) + feedback * damped
      out[i] = (out[i] ?? 0) + echo / 4
    }
  }
  for (const delay of [347, 113]) {
    const line = new Float64Array(delay + spread)
    for (let i = 0, at = 0; i < out.length; i++, at = (at + 1) % line.length) {
      const held = line[at] ?? 0
      const sample = (out[i] ?? 0) + 0.7 * held
      line[at] = sample
      out[i] = held - 0.7 * sample
    }
  }
  return out
}

/** Mixes everything into interleaved samples that peak at -3 dB. The last second and a half fades out. */
const mix = (): Int16Array => {
  const [wetLeft, wetRight] = [hall(send, 0), hall(send, 37)]
  const pcm = new Float64Array(2 * total)
  let peak = 0
  for (let i = 0; i < total; i++) {
    const fade = Math.min(1, (total - i) / (1.5 * rate)) * Math.min(1, i / 240)
    pcm[2 * i] = ((left[i] ?? 0) + 0.8 * (wetLeft[i] ?? 0)) * fade
    pcm[2 * i + 1] = ((right[i] ?? 0) + 0.8 * (wetRight[i] ?? 0)) * fade
    peak = Math.max(peak, Math.abs(pcm[2 * i] ?? 0), Math.abs(pcm[2 * i + 1] ?? 0))
  }
  return Int16Array.from(pcm, (sample) => Math.round(sample / peak * 23_197))
}

/** The delay of libopus in samples. A player drops as many at the start, and as many have to follow the end. */
const lookAhead = 312

const program = Effect.gen(function*() {
  compose()
  const music = mix()
  const frames = Math.ceil((total + lookAhead) / 960)
  const pcm = new Int16Array(frames * 1920)
  pcm.set(music)

  const encoder = yield* (yield* OpusEncoder.OpusEncoder).make({
    channels: 2,
    application: "audio",
    bitrate: 96_000,
    complexity: 10
  })
  const writer = OggWriter.make({
    channels: 2,
    preSkip: lookAhead,
    tags: { TITLE: "Fourteen Seconds in C", ARTIST: "effect-discord-voice", LICENSE: "MIT" }
  })
  const parts: Array<Uint8Array> = []
  for (let i = 0; i < frames; i++) {
    const data = yield* encoder.encode(pcm.subarray(i * 1920, (i + 1) * 1920))
    const bytes = writer.add({ data })
    if (bytes !== undefined) parts.push(bytes)
  }
  parts.push(writer.finish(total))
  return Buffer.concat(parts)
})

const file = process.argv[2] ?? fileURLToPath(new URL("../src/cli/assets/music.ogg", import.meta.url))
const bytes = await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(OpusEncoder.layer)))
Fs.writeFileSync(file, bytes)
process.stdout.write(`${file}: ${bytes.length} bytes, ${total / rate} s\n`)
