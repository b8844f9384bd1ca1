/**
 * A mix as the player sees it: entries go in, and reports of what was heard of them come back.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Cut, Mixer, MixOptions } from "../../Mixer.ts"
import * as Heard from "../../mixer/Heard.ts"
import type { EncoderSettings } from "../../OpusEncoder.ts"
import type { FrameRing } from "../../ring/FrameRing.ts"
import * as VoiceError from "../../VoiceError.ts"
import * as Seat from "./Seat.ts"
import * as Splice from "./Splice.ts"

/** @internal */
export interface Desk {
  readonly ring: FrameRing
  /** Adds an entry. `from`: the driver reads its ring until that frame. Returns why it cannot be mixed, if it cannot. */
  readonly add: (entry: Seat.Entry, from: number | undefined) => VoiceError.VoiceError | undefined
  readonly remove: (entry: Seat.Entry) => void
  /** Removes an entry when the next one of its seat is added, which takes its place; until then it continues. */
  readonly leave: (entry: Seat.Entry) => void
  /** The same, but it is no longer heard: what waits for it keeps waiting. */
  readonly hold: (entry: Seat.Entry) => void
  /** No other entry will take the place of the one that was left, if none has. */
  readonly dismiss: (seat: Seat.Seat) => void
  /** Removes entries, also from what was mixed ahead. What follows is in another ring. */
  readonly cut: (entries: ReadonlyArray<Seat.Entry>) => Cut
  /** The driver is told to take no more of an entry that was removed: what it takes until then still counts. */
  readonly leaving: (entry: Seat.Entry) => void
  /** An entry was removed while others continue: what was mixed of it ahead is sent, and counts. */
  readonly fading: (entry: Seat.Entry) => void
  readonly setGain: (entry: Seat.Entry) => void
  readonly fadeOut: (entry: Seat.Entry) => void
  readonly setEffects: (entry: Seat.Entry) => void
  readonly setPaused: (entry: Seat.Entry) => void
  readonly own: (entry: Seat.Entry) => void
  /** Changes the encoder, from the next frame on that is made. */
  readonly configure: (settings: EncoderSettings) => void
  /** Processes what was heard since the last time. `onDrained` is called for entries that have ended. */
  readonly look: (nowMs: number, onDrained: (entry: Seat.Entry) => void) => void
  /** The driver has found no frame, so the time of its last one is over. */
  readonly starving: (nowMs: number, onDrained: (entry: Seat.Entry) => void) => void
  /** The last frame's time is over. */
  readonly drain: (onDrained: (entry: Seat.Entry) => void) => void
  readonly heardMs: (entry: Seat.Entry) => number | undefined
  /** Whether the driver reads what follows the last cut, or the first ring if there was none. */
  readonly isBegun: () => boolean
  readonly isEnded: () => boolean
  readonly successor: () => Seat.Entry | undefined
}

/** How long an entry that begins in the middle of something takes to fade in, in milliseconds. */
const cutInMs = 5

/** @internal */
export const open = Effect.fnUntraced(function*(
  mixer: Mixer["Service"],
  encoder: MixOptions["encoder"],
  onBroken: MixOptions["onBroken"]
): Effect.fn.Return<Desk, VoiceError.VoiceError, Scope.Scope> {
  const { command, cut, heard, ring } = yield* mixer.open({ encoder, onBroken })
  /** How many frames before the one that is read next are remembered: those that are made ahead overwrite others. */
  const memory = Heard.depth - 1 - Math.ceil(mixer.aheadMs / 20)
  let last = Splice.make(ring, 0)
  /** What the mix writes into. */
  let written: Pick<FrameRing, "framesWritten"> = ring
  const inputs = new Map<number, Seat.Entry>()
  /** Inputs that are to be replaced. */
  const left = new Map<Seat.Seat, number>()
  /** The last input of each seat, also if it is over: what waited for its end may have begun in the mix, or may still wait. */
  const latest = new WeakMap<Seat.Seat, number>()
  const slots = Array.from({ length: Heard.maxInputs }, (_, slot) => slot)
  let lastInput = 0
  /** The number of frames that were processed. */
  let seen = 0
  let missingSince: number | undefined
  /** Since when there has been nothing to mix, and so no frame that says what was late. */
  let idleSince: number | undefined
  let isClosed = false
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      isClosed = true
    })
  )

  const lookAt = (frame: number, entry: Seat.Entry, nowMs: number): void => {
    const flags = heard.flags(frame, entry.slot, entry.input)
    const { seat } = entry
    // once it is over, no later frame says so
    if (flags !== 0) entry.heardMs = heard.positionMs(frame, entry.slot)
    if ((flags & Heard.Flag.Playing) !== 0) {
      seat.sent++
      Seat.flowing(entry, nowMs)
    }
    if ((flags & Heard.Flag.Starving) !== 0) {
      seat.late++
      Seat.starving(entry, nowMs)
    }
    if ((flags & Heard.Flag.Concealed) !== 0) seat.concealed++
    if ((flags & Heard.Flag.Over) !== 0) entry.overAt = frame
    // the frame that said so was forgotten before it was processed
    else if (flags === 0 && entry.isStarted && entry.media.ring.isDrained()) entry.overAt ??= frame
  }

  const forget = (entry: Seat.Entry): void => {
    inputs.delete(entry.input)
    // the slot that was left longest ago is reused first
    slots.push(entry.slot)
  }

  const leave: Desk["leave"] = (entry) => {
    left.set(entry.seat, entry.input)
    forget(entry)
  }

  const drain: Desk["drain"] = (onDrained) => {
    for (const entry of Array.from(inputs.values())) {
      if (entry.overAt === undefined) continue
      forget(entry)
      onDrained(entry)
    }
  }

  const heardMs = (entry: Seat.Entry): number | undefined => {
    const read = Splice.taken(last)
    if (read === 0 || heard.flags(read - 1, entry.slot, entry.input) === 0) return undefined
    return heard.positionMs(read - 1, entry.slot)
  }

  const leaving: Desk["leaving"] = (entry) => {
    const part = last
    let next = seen
    entry.settle = () => {
      const isOver = Splice.isOver(part)
      const taken = Splice.taken(part)
      // its times no longer matter
      for (next = Math.max(next, taken - memory); next < taken; next++) lookAt(next, entry, 0)
      return isOver
    }
  }

  const fading: Desk["fading"] = (entry) => {
    const made = written.framesWritten()
    // if it is silent already, it ends with a frame that is sent with the next one, which may never be made
    const shown = Seat.isHeld(entry) || entry.starvingMs !== undefined ? Heard.Flag.Playing : -1
    let next = seen
    entry.settle = () => {
      const isOver = isClosed && Splice.isOver(last)
      const taken = Splice.taken(last)
      for (next = Math.max(next, taken - memory); next < taken; next++) {
        lookAt(next, entry, 0)
        // it has ended, or was never in it
        if (
          entry.overAt !== undefined || (next >= made && (heard.flags(next, entry.slot, entry.input) & shown) === 0)
        ) {
          return true
        }
      }
      return isOver
    }
  }

  return {
    ring,
    add: (entry, from) => {
      const slot = slots.shift()
      if (slot === undefined) {
        return VoiceError.make(
          new VoiceError.Unsupported({
            feature: "mixing",
            detail: `at most ${Heard.maxInputs} tracks can be mixed at a time`
          })
        )
      }
      const { media, seat } = entry
      const { fadeOutMs, level } = seat
      const { buffer } = media.ring
      if (!(buffer instanceof SharedArrayBuffer)) {
        return VoiceError.make(
          new VoiceError.Unsupported({ feature: "mixing", detail: "the buffer of a frame ring is not shared" })
        )
      }
      entry.input = ++lastInput
      entry.slot = slot
      entry.overAt = undefined
      entry.heardMs = media.ring.positionMs()
      entry.place = "mix"
      // it ran dry while it was passed through
      if (entry.starvingMs !== undefined) idleSince = Math.min(idleSince ?? Infinity, entry.starvingMs)
      inputs.set(entry.input, entry)
      const former = seat.after?.entry
      // one that is paused at its first frame was not heard
      const isHeard = from !== undefined && from !== 0
      command({
        _tag: "Add",
        input: {
          input: entry.input,
          slot,
          format: media.format,
          ring: buffer,
          // a track that fades to its end is not heard from another position: it is over then
          gain: isHeard ? 1 : fadeOutMs === undefined ? level.gain : 0,
          paused: Seat.isHeld(entry),
          fadeInMs: seat.fadeInMs > 0 ? seat.fadeInMs : entry.cutIn && !isHeard ? cutInMs : 0,
          curve: seat.curve,
          from: from === undefined ? undefined : from & 0x3ff,
          after: former?.place === "mix" ? former.input : undefined,
          replaces: latest.get(seat),
          duck: seat.duck,
          effects: isHeard ? [] : seat.effects
        }
      })
      left.delete(seat)
      latest.set(seat, entry.input)
      seat.fadeInMs = 0
      // it was heard without them
      if (isHeard && seat.effects.length > 0) {
        command({ _tag: "Effects", input: entry.input, effects: seat.effects })
      }
      if (isHeard && level.gain !== 1) command({ _tag: "Gain", input: entry.input, ...level })
      if (fadeOutMs !== undefined) {
        command({ _tag: "FadeOut", input: entry.input, rampMs: isHeard ? fadeOutMs : 0 })
      }
      return undefined
    },
    remove: (entry) => {
      command({ _tag: "Remove", input: entry.input })
      forget(entry)
    },
    leave,
    hold: (entry) => {
      command({ _tag: "Pause", input: entry.input, paused: true })
      leave(entry)
    },
    dismiss: (seat) => {
      const input = left.get(seat)
      if (left.delete(seat) && input !== undefined) command({ _tag: "Remove", input })
    },
    cut: (entries) => {
      const following = cut(entries.map(({ input }) => input))
      for (const entry of entries) {
        leaving(entry)
        forget(entry)
      }
      last = Splice.make(following.ring, following.from, last)
      written = following.ring
      return following
    },
    leaving,
    fading,
    setGain: ({ input, seat }) => command({ _tag: "Gain", input, ...seat.level }),
    fadeOut: ({ input, seat }) => command({ _tag: "FadeOut", input, rampMs: seat.fadeOutMs ?? 0 }),
    setEffects: ({ input, seat }) => command({ _tag: "Effects", input, effects: seat.effects }),
    setPaused: (entry) => command({ _tag: "Pause", input: entry.input, paused: Seat.isHeld(entry) }),
    own: ({ input }) => command({ _tag: "Own", input }),
    configure: (settings) => command({ _tag: "Encoder", settings }),
    look: (nowMs, onDrained) => {
      const read = Splice.taken(last)
      if (read > seen && missingSince !== undefined) {
        const missed = Math.round((nowMs - missingSince) / 20)
        for (const { isPaused, seat } of inputs.values()) if (!isPaused) seat.missed += missed
        missingSince = undefined
      }
      if (read > seen && idleSince !== undefined) {
        for (const { isPaused, seat, starvingMs } of inputs.values()) {
          if (isPaused || starvingMs === undefined) continue
          seat.late += Math.round((nowMs - Math.max(idleSince, starvingMs)) / 20)
        }
        idleSince = undefined
      }
      for (let frame = Math.max(seen, read - memory); frame < read; frame++) {
        for (const entry of inputs.values()) lookAt(frame, entry, nowMs)
      }
      seen = read
      for (const entry of Array.from(inputs.values())) {
        // the time of the frame that was taken last is not over
        if (entry.overAt === undefined || entry.overAt >= read - 1) continue
        forget(entry)
        onDrained(entry)
      }
    },
    starving: (nowMs, onDrained) => {
      drain(onDrained)
      if (!heard.isIdle()) missingSince ??= nowMs
      else {
        idleSince ??= nowMs
        for (const entry of inputs.values()) Seat.starving(entry, nowMs)
      }
    },
    drain,
    heardMs,
    isBegun: () => last.ring.framesRead() > last.from,
    isEnded: heard.isEnded,
    successor: () => inputs.get(heard.successor())
  }
})
