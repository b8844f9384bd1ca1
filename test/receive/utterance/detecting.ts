/** A detector that hears patterns of sound, and what it reports about them. */
import * as Detector from "../../../src/receive/utterance/Detector.ts"

const limits: Detector.Limits = { silence: 400, minimum: 100, confirm: 300, maximum: 2_000, preRoll: 200 }

interface Told {
  readonly event: "Started" | "Confirmed" | "Ended" | "Discarded"
  readonly startMs: number
  readonly atMs: number
}

/** Sound in which the first sample of each window says whether it is voiced. */
export const make = (own: Partial<Detector.Limits> = {}) => {
  /** What was reported, in order, with the stream time up to which the detector had heard by then. */
  const told: Array<Told> = []
  const tell = (event: Told["event"], startMs: number) => void told.push({ event, startMs, atMs: 1_000 + windows * 10 })
  let windows = 0
  const started: Array<number> = []
  const sounds: Array<{ readonly audioStartMs: number; readonly pcm: Array<number> }> = []
  const ended: Array<Detector.Stretch> = []
  const discarded: Array<readonly [number, number]> = []
  const detector = Detector.make({
    rate: 16_000,
    limits: { ...limits, ...own },
    activity: (window) => {
      windows = at / 480 + ++windowsOfFrame
      return window[0] === 1
    },
    onStart: (startMs, audioStartMs) => {
      started.push(startMs)
      sounds.push({ audioStartMs, pcm: [] })
      tell("Started", startMs)
    },
    onSound: (pcm) => void sounds.at(-1)?.pcm.push(...pcm),
    onConfirm: (startMs) => tell("Confirmed", startMs),
    onEnd: (stretch) => {
      ended.push(stretch)
      tell("Ended", stretch.startMs)
    },
    onDiscard: (startMs, endMs) => {
      discarded.push([startMs, endMs])
      tell("Discarded", startMs)
    }
  })
  let at = 0
  let windowsOfFrame = 0
  /** Frames of 20 ms: each letter is 10 ms, and `x` is voiced. */
  const say = (pattern: string, isMadeUp = false): void => {
    for (let i = 0; i < pattern.length; i += 2) {
      const pcm = new Int16Array(320)
      if (pattern[i] === "x") pcm.fill(1, 0, 160)
      if (pattern[i + 1] === "x") pcm.fill(1, 160)
      windowsOfFrame = 0
      detector.hear(
        {
          timestamp: at,
          samples: 960,
          atMs: 1_000 + at / 48,
          pcm,
          data: isMadeUp ? undefined : Uint8Array.of(i),
          isMadeUp
        },
        1_020 + at / 48
      )
      at += 960
    }
  }
  const rest = (ms: number): void => {
    detector.hear(
      {
        timestamp: at,
        samples: ms * 48,
        atMs: 1_000 + at / 48,
        pcm: new Int16Array(),
        data: undefined,
        isMadeUp: false
      },
      1_020 + at / 48
    )
    at += ms * 48
  }
  return { say, rest, detector, told, started, sounds, ended, discarded, skip: (samples: number) => at += samples }
}

/** The decoder's look-ahead. */
export const delay = 6.5
