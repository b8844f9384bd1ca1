/**
 * Cuts what one user says into utterances. It is told of frames in order, each with its sound and with what a voice activity
 * detector thinks of it, and of the time that passes without any.
 *
 * Places are in samples at 48 kHz of the user's own stream, which has no gaps.
 *
 * @since 0.1.0
 */
import type { Detector as Activity } from "../VoiceActivity.ts"

/**
 * A packet with its duration, as an `AudioSource.OpusFrame` is.
 *
 * @category models
 * @since 0.1.0
 */
export interface OpusPiece {
  readonly data: Uint8Array
  readonly samples: number
}

/**
 * Why an utterance has ended: the user fell silent; it was as long as it may be; the user left, or the session ended.
 *
 * @category models
 * @since 0.1.0
 */
export type EndReason = "silence" | "maximum" | "left"

/**
 * A frame of a user's stream.
 *
 * @category models
 * @since 0.1.0
 */
export interface Heard {
  readonly timestamp: number
  readonly samples: number
  readonly atMs: number
  /** Mono. Empty for silence of any length. */
  readonly pcm: Int16Array
  /** The packet, if one came. */
  readonly data: Uint8Array | undefined
  /** Whether a decoder has made up the sound, because the packet was lost. */
  readonly isMadeUp: boolean
}

/**
 * An utterance in the places of the stream.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stretch {
  readonly startMs: number
  readonly endMs: number
  readonly audioStartMs: number
  readonly pcm: Int16Array
  /** Frames that cover the same time. */
  readonly frames: ReadonlyArray<Heard>
  readonly reason: EndReason
  /** Whether it was said before that it is no cough. */
  readonly confirmed: boolean
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Detector {
  /** Whether something has begun that has not ended. */
  readonly isSpeaking: () => boolean
  /** Whether it has been quiet, and it is to be said whether that was the end. */
  readonly isWaiting: () => boolean
  readonly hear: (heard: Heard, nowMs: number) => void
  /** Nothing came for some time: says so again and again. */
  readonly pass: (nowMs: number) => void
  readonly end: (reason: EndReason) => void
}

/**
 * Milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export interface Limits {
  readonly silence: number
  readonly minimum: number
  /** Speech of so much that is voiced is no cough. */
  readonly confirm: number
  readonly maximum: number
  readonly preRoll: number
}

const perMs = 48
/** Of four windows in a row, so many have to be voiced. */
const onsetWindows = 4
const onsetVoiced = 3
/** What was voiced just before belongs to it: the burst of a plosive, the beginning of a word that is drawn out. */
const chainGap = 200 * perMs
const chainMost = 400 * perMs
/** What a decoder gives is later by its look-ahead than what was encoded (libopus: 312 samples at 48 kHz). */
const decoderDelayMs = 6.5

/** A step of Opus, in samples. */
const unit = 120

/** Of what has no packet and may be of any length (a pause, a long loss): what lies between two places, in whole steps of Opus. */
const clip = (frame: Heard, from: number, until: number): Heard => {
  const { samples, timestamp } = frame
  const skipped = Math.max(0, Math.floor((from - timestamp) / unit) * unit)
  const end = Math.min(samples, Math.ceil((until - timestamp) / unit) * unit)
  return { ...frame, timestamp: timestamp + skipped, samples: end - skipped, atMs: frame.atMs + skipped / perMs }
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: {
  readonly rate: number
  readonly limits: Limits
  readonly activity: Activity
  /** Speech has begun; its sound begins up to `preRoll` before. */
  readonly onStart: (startMs: number, audioStartMs: number) => void
  /**
   * The sound of what is being said, piece by piece. It begins with that of the utterance, and goes on behind that while it is waited
   * for whether more is said.
   */
  readonly onSound?: ((pcm: Int16Array) => void) | undefined
  /**
   * It was quiet for as long as `silence`, and what was said may be over. `answer` says for how many milliseconds more it is waited
   * for something else, from now on and not from the answer; 0: it is over. What is returned is called when nobody needs the answer any more. Without it, it is over.
   */
  readonly onQuiet?: ((soFar: Stretch, answer: (moreMs: number) => void) => () => void) | undefined
  /** There was enough of it, and it will not be discarded. At most once, before its end. */
  readonly onConfirm: (startMs: number) => void
  readonly onEnd: (stretch: Stretch) => void
  /** What had begun was too short. */
  readonly onDiscard: (startMs: number, endMs: number) => void
}): Detector => {
  const { activity, limits, onConfirm, onDiscard, onEnd, onQuiet, onSound, onStart, rate } = options
  const windowSamples = rate / 100
  const ratio = 48_000 / rate
  /** Frames that may still be needed, in order and without a gap. */
  let kept: Array<Heard> = []
  const window = new Int16Array(windowSamples)
  let filled = 0
  /** Where the window at hand begins. */
  let windowAt = 0
  /** Where the last windows that were voiced begin, as far as they may be an onset. */
  let onset: Array<number> = []
  /** Where windows that were voiced, one soon after another, began, and the last of them. */
  let chain: { readonly start: number; last: number } | undefined
  let speech: {
    readonly start: number
    readonly startedMs: number
    /** Where its sound begins, and up to where that was given. */
    readonly from: number
    given: number
    lastVoiced: number
    /** How much of it was voiced, without what was counted in that came before its onset. */
    voiced: number
    confirmed: boolean
    /** Since it has been quiet: how long it may be, and how to take the question back. */
    asked: { mostMs: number; cancel: () => void } | undefined
  } | undefined
  /** Up to where sound went into an utterance that was cut. */
  let usedUntil = -Infinity
  let heardMs = -Infinity
  let end = 0

  /** The time of a place, by the frame that it lies in or behind. */
  const timeOf = (at: number): number => {
    let found = kept[0]
    for (const frame of kept) if (frame.timestamp <= at) found = frame
    return found === undefined ? 0 : found.atMs + (at - found.timestamp) / perMs - decoderDelayMs
  }

  const forget = (before: number): void => {
    const index = kept.findIndex(({ samples, timestamp }) => timestamp + samples > before)
    if (index === -1) kept = []
    else if (index > 0) kept.splice(0, index)
  }

  /** The sound of what begins at `start`, between two places: as it is in the whole of it, to the sample. */
  const cut = (start: number, from: number, to: number): Int16Array => {
    const first = Math.round((from - start) / ratio)
    const pcm = new Int16Array(Math.max(0, Math.round((to - start) / ratio) - first))
    // from the end on: what is given while it is said is the last of many
    for (let i = kept.length - 1; i >= 0; i--) {
      const frame = kept[i]
      if (frame === undefined || frame.timestamp + frame.samples <= from) break
      const offset = Math.round((frame.timestamp - start) / ratio) - first
      const skipped = Math.max(0, -offset)
      const length = Math.min(frame.pcm.length - skipped, pcm.length - offset - skipped)
      if (length > 0) pcm.set(frame.pcm.subarray(skipped, skipped + length), offset + skipped)
    }
    return pcm
  }

  const give = (until: number): void => {
    if (onSound === undefined || speech === undefined || until <= speech.given) return
    const pcm = cut(speech.from, speech.given, until)
    speech.given = until
    if (pcm.length > 0) onSound(pcm)
  }

  type Speech = Exclude<typeof speech, undefined>

  /** Where its sound ends, of which there is some up to `to`. */
  const untilOf = ({ lastVoiced }: Speech, to: number): number =>
    Math.min(to, lastVoiced + Math.min(limits.preRoll, limits.silence) * perMs)

  const isShort = ({ lastVoiced, start }: Speech): boolean => lastVoiced - start < limits.minimum * perMs

  const stretch = (said: Speech, reason: EndReason, to: number): Stretch => {
    const { confirmed, from, lastVoiced, start, startedMs } = said
    const until = untilOf(said, to)
    const frames = kept
      .filter(({ samples, timestamp }) => timestamp + samples > from && timestamp < until)
      .map((frame) => frame.data === undefined ? clip(frame, from, until) : frame)
    const [endMs, audioStartMs] = [timeOf(lastVoiced), startedMs - (start - from) / perMs]
    return { startMs: startedMs, endMs, audioStartMs, pcm: cut(from, from, until), frames, reason, confirmed }
  }

  const close = (reason: EndReason, to: number): void => {
    if (speech === undefined) return
    const said = speech
    give(untilOf(said, to))
    speech = undefined
    said.asked?.cancel()
    if (isShort(said)) onDiscard(said.startedMs, timeOf(said.lastVoiced))
    else onEnd(stretch(said, reason, to))
  }

  /** Whether it is over, that nothing was said for so long; whoever has to say so is asked once. */
  const isOver = (said: Speech, quietMs: number): boolean => {
    if (quietMs < limits.silence) return false
    if (onQuiet === undefined || isShort(said)) return true
    if (said.asked === undefined) {
      const asked = { mostMs: Infinity, cancel: () => {} }
      said.asked = asked
      asked.cancel = onQuiet(stretch(said, "silence", end), (moreMs) => {
        asked.mostMs = limits.silence + moreMs
      })
    }
    return quietMs >= said.asked.mostMs
  }

  /** More is said. */
  const goOn = (said: Speech): void => {
    said.asked?.cancel()
    said.asked = undefined
  }

  const confirm = (): void => {
    if (speech === undefined || speech.confirmed || speech.voiced < limits.confirm * perMs) return
    // what may yet be discarded is not confirmed
    if (speech.lastVoiced - speech.start < limits.minimum * perMs) return
    speech.confirmed = true
    onConfirm(speech.startedMs)
  }

  const begin = (start: number, lastVoiced: number, voiced: number): void => {
    const startedMs = timeOf(start)
    const from = Math.max(kept[0]?.timestamp ?? start, start - limits.preRoll * perMs, usedUntil)
    speech = { start, startedMs, from, given: from, lastVoiced, voiced, confirmed: false, asked: undefined }
    onStart(startedMs, startedMs - (start - from) / perMs)
    confirm()
  }

  const note = (voiced: boolean, isMadeUp: boolean): void => {
    const at = windowAt
    const size = windowSamples * ratio
    if (speech !== undefined) {
      if (voiced) {
        goOn(speech)
        speech.lastVoiced = at + size
        speech.voiced += size
        confirm()
      }
      if (isOver(speech, (at + size - speech.lastVoiced) / perMs)) close("silence", at + size)
      else if (at + size - speech.start >= limits.maximum * perMs) {
        close("maximum", at + size)
        // what goes on is another utterance without a pause
        usedUntil = at + size
        if (voiced) begin(usedUntil, usedUntil, 0)
      }
      return
    }
    onset = onset.filter((before) => before > at - onsetWindows * size)
    // what is made up is of what was said before; behind a pause that is long ago
    if (!voiced || isMadeUp) return
    onset.push(at)
    if (chain === undefined || at - chain.last > chainGap) chain = { start: at, last: at }
    chain.last = at
    if (onset.length < onsetVoiced) return
    begin(Math.max(chain.start, at - chainMost), at + size, onset.length * size)
    onset = []
    chain = undefined
  }

  /** Silence of any length, at once. */
  const rest = (at: number, samples: number): void => {
    filled = 0
    windowAt = at + samples
    onset = []
    if (speech === undefined) return
    if (isOver(speech, (windowAt - speech.lastVoiced) / perMs)) close("silence", windowAt)
    else if (windowAt - speech.start >= limits.maximum * perMs) {
      close("maximum", windowAt)
      usedUntil = windowAt
    }
  }

  const listen = ({ isMadeUp, pcm, timestamp }: Heard): void => {
    if (filled === 0) windowAt = timestamp
    for (let i = 0; i < pcm.length;) {
      const length = Math.min(windowSamples - filled, pcm.length - i)
      window.set(pcm.subarray(i, i + length), filled)
      filled += length
      i += length
      if (filled < windowSamples) return
      filled = 0
      note(activity(window), isMadeUp)
      windowAt += windowSamples * ratio
    }
  }

  return {
    isSpeaking: () => speech !== undefined,
    isWaiting: () => speech?.asked !== undefined,
    hear: (heard, nowMs) => {
      heardMs = nowMs
      if (heard.timestamp !== end) {
        // some was lost on the way to us: there is no saying what
        close("silence", end)
        kept = []
        filled = 0
        onset = []
        chain = undefined
      }
      end = heard.timestamp + heard.samples
      kept.push(heard)
      if (heard.pcm.length === 0) rest(heard.timestamp, heard.samples)
      else listen(heard)
      give(end)
      const from = speech?.start ?? end - chainMost
      forget(from - (limits.preRoll + limits.silence) * perMs)
    },
    pass: (nowMs) => {
      if (speech === undefined) return
      const passedMs = nowMs - heardMs
      if (isOver(speech, passedMs + (end - speech.lastVoiced) / perMs)) close("silence", end)
      // whoever is asked does not answer
      else if (speech.asked !== undefined && passedMs + (end - speech.start) / perMs >= limits.maximum) {
        close("maximum", end)
        usedUntil = end
      }
    },
    end: (reason) => close(reason, end)
  }
}
