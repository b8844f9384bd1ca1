/**
 * Aligns the frames of all users: one tick every 20 ms of the clock, with what each of them said in it. Plain code without a
 * timer: its owner calls {@link Ticker.advance} at {@link Ticker.nextMs} or later. A late call produces all ticks that are due.
 *
 * A frame begins in the tick whose start is nearest to its time. The following frames are placed by their length until they are
 * off by 15 ms, because the sender's clock has another rate or something came late. Then one tick is `missing`, or has one
 * frame more.
 *
 * @since 0.1.0
 */
import type { UserId } from "../protocol/Identifier.ts"
import type { ReceivedFrame, Tick, TickPart } from "./ReceivedFrame.ts"

/**
 * The length of a tick in milliseconds.
 *
 * @category constants
 * @since 0.1.0
 */
export const tickMs = 20

/**
 * @category models
 * @since 0.1.0
 */
export interface Ticker {
  /** The frames of a user have to come in order. */
  readonly onFrame: (frame: ReceivedFrame) => void
  readonly advance: (nowMs: number) => void
  readonly nextMs: () => number
}

interface Line {
  readonly waiting: Array<ReceivedFrame>
  /** The end of what was taken, in milliseconds of the ticks' time; `undefined` while nothing is being said. */
  untilMs: number | undefined
  /** Consecutive ticks whose audio is missing. */
  missing: number
  /** Whether silence was taken last. */
  isQuiet: boolean
}

/** A frame begins within half a tick of its time. How far off the following frames may become, in milliseconds. */
const toleranceMs = 15

/** After this many ticks without anything it is a pause. */
const patience = 5

const epsilonMs = 1e-6

const silent: TickPart = { kind: "silence", frames: [], aheadSamples: 0 }

const kindOf = (frames: ReadonlyArray<ReceivedFrame>): TickPart["kind"] => {
  if (frames.length === 0 || frames.some(({ kind }) => kind === "audio")) return "audio"
  return frames.some(({ kind }) => kind === "lost") ? "missing" : "silence"
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: {
  readonly startMs: number
  readonly delayMs: number
  readonly participants: () => Iterable<UserId>
  readonly onTick: (tick: Tick) => void
}): Ticker => {
  const { delayMs, onTick, participants, startMs } = options
  const lines = new Map<UserId, Line>()
  let index = 0

  /** Advances a line by one tick that begins at `fromMs`. */
  const part = (line: Line, fromMs: number): TickPart => {
    const toMs = fromMs + tickMs
    const { waiting } = line
    const frames: Array<ReceivedFrame> = []
    let slipped = false
    for (let head = waiting[0]; head !== undefined; head = waiting[0]) {
      if (head.packets === 0) {
        waiting.shift()
        line.untilMs = undefined
        continue
      }
      if (line.untilMs === undefined) {
        if (head.atMs >= fromMs + tickMs / 2) break
        line.untilMs = fromMs
      }
      const offMs = head.atMs - line.untilMs
      const isBehind = offMs < -toleranceMs
      if (!isBehind && line.untilMs >= toMs - epsilonMs) break
      if (offMs > toleranceMs) {
        line.untilMs = undefined
        slipped = true
        continue
      }
      waiting.shift()
      frames.push(head)
      line.isQuiet = head.kind === "silence"
      const lastsMs = head.samples / 48
      // a long frame makes only as much room as it takes to be on time again
      line.untilMs += isBehind ? Math.max(0, Math.round((offMs + lastsMs) / tickMs)) * tickMs : lastsMs
    }
    if (line.untilMs === undefined) {
      if (slipped) return { kind: "missing", frames, aheadSamples: 0 }
      return frames.length === 0 ? silent : { kind: kindOf(frames), frames, aheadSamples: 0 }
    }
    if (line.untilMs >= toMs - epsilonMs) {
      line.missing = 0
      const aheadSamples = Math.max(0, Math.round((line.untilMs - toMs) * 48))
      return { kind: kindOf(frames), frames, aheadSamples }
    }
    if (!line.isQuiet && ++line.missing <= patience) {
      line.untilMs = toMs
      return { kind: "missing", frames, aheadSamples: 0 }
    }
    // nothing waits: the line ends
    line.untilMs = undefined
    return frames.length === 0 ? silent : { kind: kindOf(frames), frames, aheadSamples: 0 }
  }

  const tick = (): void => {
    const atMs = startMs + index * tickMs - delayMs
    const parts = new Map<UserId, TickPart>()
    for (const userId of participants()) parts.set(userId, silent)
    for (const [userId, line] of lines) {
      const said = part(line, atMs)
      // a user who has left is heard to the end, including a frame that lasts several ticks; but nothing more is waited for
      if (parts.has(userId) || said.kind === "audio" || said.frames.length > 0) parts.set(userId, said)
      if (line.untilMs === undefined && line.waiting.length === 0) lines.delete(userId)
    }
    onTick({ index: index++, atMs, participants: parts })
  }

  const nextMs = (): number => startMs + (index + 1) * tickMs

  return {
    onFrame: (frame) => {
      let line = lines.get(frame.userId)
      if (line === undefined) {
        line = { waiting: [], untilMs: undefined, missing: 0, isQuiet: false }
        lines.set(frame.userId, line)
      }
      line.waiting.push(frame)
    },
    advance: (nowMs) => {
      while (nextMs() <= nowMs + epsilonMs) tick()
    },
    nextMs
  }
}
