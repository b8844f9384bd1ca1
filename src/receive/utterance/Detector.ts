/**
 * Cuts what one user says into utterances. It is given frames in order, each with its sound, asks a voice activity detector
 * about them, and is told when time passes without any.
 *
 * Positions are in samples at 48 kHz of the user's own stream, which has no gaps.
 *
 * @since 0.1.0
 */
import type { Detector as Activity } from "../VoiceActivity.ts"

/**
 * An Opus packet with its duration, like `AudioSource.OpusFrame`.
 *
 * @category models
 * @since 0.1.0
 */
export interface OpusPiece {
  readonly data: Uint8Array
  readonly samples: number
}

/**
 * Why an utterance ended: the user fell silent; it reached the maximum length; or the user left or the session ended.
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
  /** The packet, if one arrived. */
  readonly data: Uint8Array | undefined
  /** Whether the decoder concealed a lost packet to produce the sound. */
  readonly isMadeUp: boolean
}

/**
 * An utterance, in positions of the stream.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stretch {
  readonly startMs: number
  readonly endMs: number
  readonly audioStartMs: number
  readonly pcm: Int16Array
  /** The frames that cover the same time. */
  readonly frames: ReadonlyArray<Heard>
  readonly reason: EndReason
  /** Whether it was reported earlier that this is not a cough. */
  readonly confirmed: boolean
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Detector {
  /** Whether speech has begun and not ended. */
  readonly isSpeaking: () => boolean
  /** Whether it has been quiet and the question whether that was the end is open. */
  readonly isWaiting: () => boolean
  readonly hear: (heard: Heard, nowMs: number) => void
  /** Tells that nothing came for some time. It is called repeatedly. */
  readonly pass: (nowMs: number) => void
  readonly end: (reason: EndReason) => void
}

/**
 * Limits in milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export interface Limits {
  readonly silence: number
  readonly minimum: number
  /** The amount of voiced sound that is not a cough. */
  readonly confirm: number
  readonly maximum: number
  readonly preRoll: number
}

const perMs = 48
/** How many of four consecutive windows have to be voiced. */
const onsetWindows = 4
const onsetVoiced = 3
/** Sound that was voiced shortly before belongs to the speech: the burst of a plosive, or the beginning of a drawn-out word. */
const chainGap = 200 * perMs
const chainMost = 400 * perMs
/** The decoder's output is delayed by its look-ahead (libopus: 312 samples at 48 kHz). */
const decoderDelayMs = 6.5

/** The resolution of Opus, in samples. */
const unit = 120

/**
 * For a frame without a packet, which may have any length (a pause, a long loss): the part between two positions, in whole
 * units of Opus.
 */
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
  /** Speech has begun. Its sound begins up to `preRoll` before that. */
  readonly onStart: (startMs: number, audioStartMs: number) => void
  /**
   * The sound of the current speech, in pieces. It begins with the sound of the utterance, and continues after its end while it
   * is still open whether more will be said.
   */
  readonly onSound?: ((pcm: Int16Array) => void) | undefined
  /**
   * It was quiet for `silence`, and the utterance may be over. `answer` says for how many milliseconds to wait for more,
   * counted from this call and not from the answer; 0 ends the utterance. The returned function is called when the answer is no
   * longer needed. Without this callback the utterance is over.
   */
  readonly onQuiet?: ((soFar: Stretch, answer: (moreMs: number) => void) => () => void) | undefined
  /** There was enough speech, and it will not be discarded. Called at most once, before the end. */
  readonly onConfirm: (startMs: number) => void
  readonly onEnd: (stretch: Stretch) => void
  /** What had begun was too short. */
  readonly onDiscard: (startMs: number, endMs: number) => void
}): Detector => {
  const { activity, limits, onConfirm, onDiscard, onEnd, onQuiet, onSound, onStart, rate } = options
  const windowSamples = rate / 100
  const ratio = 48_000 / rate
  /** The frames that may still be needed, in order and without gaps. */
  let kept: Array<Heard> = []
  const window = new Int16Array(windowSamples)
  let filled = 0
  /** The start of the current window. */
  let windowAt = 0
  /** The starts of the last voiced windows, as far as they may be an onset. */
  let onset: Array<number> = []
  /** A chain of voiced windows that followed each other closely: where it began, and its last window. */
  let chain: { readonly start: number; last: number } | undefined
  let speech: {
    readonly start: number
    readonly startedMs: number
    /** Where its sound begins, and up to where it was given out. */
    readonly from: number
    given: number
    lastVoiced: number
    /** How much of it was voiced, without the sound before its onset that was included. */
    voiced: number
    confirmed: boolean
    /** Set since it became quiet: how long the silence may last, and how to withdraw the question. */
    asked: { mostMs: number; cancel: () => void } | undefined
  } | undefined
  /** Up to where sound was used in an utterance that was cut. */
  let usedUntil = -Infinity
  let heardMs = -Infinity
  let end = 0

  /** The time of a position, taken from the frame that contains or precedes it. */
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

  /** The sound between two positions of the speech that begins at `start`: sample for sample as in the whole utterance. */
  const cut = (start: number, from: number, to: number): Int16Array => {
    const first = Math.round((from - start) / ratio)
    const pcm = new Int16Array(Math.max(0, Math.round((to - start) / ratio) - first))
    // from the end: what is given out during speech is the last of many frames
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

  /** Whether the silence so far ends the speech. If somebody has to decide that, they are asked once. */
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

  /** The user says more. */
  const goOn = (said: Speech): void => {
    said.asked?.cancel()
    said.asked = undefined
  }

  const confirm = (): void => {
    if (speech === undefined || speech.confirmed || speech.voiced < limits.confirm * perMs) return
    // speech that may still be discarded is not confirmed
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
        // what continues is another utterance, without a pause
        usedUntil = at + size
        if (voiced) begin(usedUntil, usedUntil, 0)
      }
      return
    }
    onset = onset.filter((before) => before > at - onsetWindows * size)
    // concealed sound repeats what was said before; after a pause that is long ago
    if (!voiced || isMadeUp) return
    onset.push(at)
    if (chain === undefined || at - chain.last > chainGap) chain = { start: at, last: at }
    chain.last = at
    if (onset.length < onsetVoiced) return
    begin(Math.max(chain.start, at - chainMost), at + size, onset.length * size)
    onset = []
    chain = undefined
  }

  /** Silence of any length, in one step. */
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
        // audio was lost on the way to us, and it is unknown what
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
      // there was no answer
      else if (speech.asked !== undefined && passedMs + (end - speech.start) / perMs >= limits.maximum) {
        close("maximum", end)
        usedUntil = end
      }
    },
    end: (reason) => close(reason, end)
  }
}
