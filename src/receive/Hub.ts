/**
 * Receives the packets of one session: finds out which user sent a packet, keeps a jitter buffer for each user somebody listens
 * to, and passes the frames to the listeners. One timer serves all of them. Plain code, except for the clock.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { Alarm } from "../AudioClock.ts"
import type { AudioPacket, Event } from "../driver/Line.ts"
import type { Ssrc, UserId } from "../protocol/Identifier.ts"
import * as OpusPacket from "../protocol/OpusPacket.ts"
import type { Observer } from "../VoiceDriver.ts"
import type { VoiceError } from "../VoiceError.ts"
import * as JitterBuffer from "./JitterBuffer.ts"
import type { Member } from "./Member.ts"
import * as Nameless from "./Nameless.ts"
import type { ReceivedFrame } from "./ReceivedFrame.ts"

/**
 * Receives the packets of a session, whatever connection they arrive on.
 *
 * @category models
 * @since 0.1.0
 */
export interface Reader {
  readonly onPacket: (packet: AudioPacket) => void
  /** The users whose packets are wanted; `undefined` means everybody. Packets of other users may still be passed on. */
  readonly only: () => ReadonlySet<UserId> | undefined
  readonly onOver: (error: VoiceError) => void
}

/**
 * The events other than packets: those of the connections, and those of the session itself.
 *
 * @category models
 * @since 0.1.0
 */
export type Happening =
  | Event
  | { readonly _tag: "Moved" | "Restricted" }
  | { readonly _tag: "MemberChanged"; readonly userId: UserId; readonly member?: Member }

/**
 * The source of packets: a session's connections, one after another.
 *
 * @category models
 * @since 0.1.0
 */
export interface Intake {
  /** Reads until the scope closes. */
  readonly read: (reader: Reader) => Effect.Effect<void, never, Scope.Scope>
  /** Tells that a reader wants other users than before. */
  readonly reread: Effect.Effect<void>
  readonly observe: (
    observer: Observer<Happening> & {
      /** Called when later packets arrive on another connection, whose driver may have another clock. */
      readonly onConnection?: (() => void) | undefined
      /** Called when we become deaf, by ourselves or by a moderator, or stop being deaf. */
      readonly onDeaf?: ((deaf: boolean) => void) | undefined
    }
  ) => Effect.Effect<void, never, Scope.Scope>
  /** The other users in the channel, as reported by the gateways. */
  readonly members: () => ReadonlyArray<UserId>
}

/**
 * A listener to one user or to all.
 *
 * @category models
 * @since 0.1.0
 */
export interface Listener {
  /** Without it, to all users; arrivals, departures and time are reported only then. */
  readonly userId?: UserId | undefined
  readonly onFrame?: ((frame: ReceivedFrame) => void) | undefined
  /** Called for each packet as it arrives. */
  readonly onArrival?:
    | ((userId: UserId, packet: AudioPacket, isSilence: boolean, arrivalMs: number) => void)
    | undefined
  readonly onGone?: ((userId: UserId) => void) | undefined
  /** Called at the time given by `nextMs`, after all frames that were due by then. */
  readonly advance?: ((nowMs: number) => void) | undefined
  readonly nextMs?: (() => number) | undefined
  readonly onOver: (error: VoiceError) => void
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Hub {
  /** Listens until the scope closes. */
  readonly listen: (make: (nowMs: number) => Listener) => Effect.Effect<void, never, Scope.Scope>
  /** Everybody who is in the channel or was heard in it. */
  readonly participants: () => ReadonlySet<UserId>
  readonly jitterMs: (userId: UserId) => number
  readonly statistics: (userId: UserId) => JitterBuffer.Statistics | undefined
  readonly totals: () => JitterBuffer.Statistics & { readonly unknownSenders: number }
}

/** The minimum interval of the timer, in milliseconds: what is due in between comes a little later. */
const granularityMs = 5

/** The number of buffers that are kept for users who have left. */
const goneKept = 100

interface Source {
  readonly buffer: JitterBuffer.JitterBuffer
  /** Whether the user has left. The buffer stays for a while: if the user comes back, the stream continues. */
  isGone: boolean
  /** The last result of `nextDueMs`, which changes when something is put in or taken out. */
  dueMs: number
}

const sum = (
  a: JitterBuffer.Statistics,
  b: JitterBuffer.Statistics,
  isOver: boolean
): JitterBuffer.Statistics => ({
  received: a.received + b.received,
  delivered: a.delivered + b.delivered,
  late: a.late + b.late,
  duplicates: a.duplicates + b.duplicates,
  overflowed: a.overflowed + b.overflowed + (isOver ? b.waiting : 0),
  strays: a.strays + b.strays,
  malformed: a.malformed + b.malformed,
  waiting: a.waiting + (isOver ? 0 : b.waiting),
  lost: a.lost + b.lost,
  recoverable: a.recoverable + b.recoverable,
  resyncs: a.resyncs + b.resyncs,
  depthMs: isOver ? a.depthMs : Math.max(a.depthMs, b.depthMs),
  jitterMs: isOver ? a.jitterMs : Math.max(a.jitterMs, b.jitterMs)
})

/** @internal */
export const zero: JitterBuffer.Statistics = {
  received: 0,
  delivered: 0,
  late: 0,
  duplicates: 0,
  overflowed: 0,
  strays: 0,
  malformed: 0,
  waiting: 0,
  lost: 0,
  recoverable: 0,
  resyncs: 0,
  depthMs: 0,
  jitterMs: 0
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  intake: Intake,
  options: Partial<JitterBuffer.Options>,
  { clear, now, set }: Alarm
): Effect.fn.Return<Hub, never, Scope.Scope> {
  const listeners = new Set<Listener>()
  const sources = new Map<UserId, Source>()
  /** The listeners to this user alone. */
  const wanted = new Map<UserId, Set<Listener>>()
  const toAll = new Set<Listener>()
  /** The listeners that want to be called at a time. */
  const timed = new Set<Listener>()
  const heard = new Set<UserId>()
  const nameless = Nameless.make()
  let past = zero
  /** How far our clock is ahead of the driver's, which may be in another thread: the minimum that was seen. */
  let offsetMs = Infinity
  let over: VoiceError | undefined
  let reading: Scope.Closeable | undefined
  let armedMs = Infinity
  let ranMs = -Infinity

  const isWanted = (userId: UserId): boolean => toAll.size > 0 || wanted.has(userId)

  const retire = (userId: UserId): void => {
    const source = sources.get(userId)
    if (source === undefined) return
    sources.delete(userId)
    past = sum(past, source.buffer.statistics(), true)
  }

  const leave = (userId: UserId, source: Source): void => {
    source.isGone = true
    // the oldest come first
    let gone = 0
    for (const other of sources.values()) if (other.isGone) gone++
    for (const [oldest, other] of sources) {
      if (gone <= goneKept) return
      if (!other.isGone || wanted.has(oldest)) continue
      retire(oldest)
      gone--
    }
  }

  /** Everybody who is not kept has left. */
  const leaveAllBut = (kept: ReadonlySet<UserId>): void => {
    heard.clear()
    for (const [userId, source] of sources) {
      if (source.isGone || kept.has(userId)) continue
      for (const { onGone } of toAll) onGone?.(userId)
      leave(userId, source)
    }
  }

  const drain = (userId: UserId, source: Source, nowMs: number): void => {
    const { buffer } = source
    const alone = wanted.get(userId)
    for (let frame = buffer.pop(nowMs); frame !== undefined; frame = buffer.pop(nowMs)) {
      for (const { onFrame } of toAll) onFrame?.(frame)
      if (alone !== undefined) { for (const { onFrame } of alone) onFrame?.(frame) }
    }
    source.dueMs = buffer.nextDueMs()
  }

  const arm = (atMs: number): void => {
    const next = Math.max(atMs, ranMs + granularityMs)
    if (next >= armedMs) return
    armedMs = next
    set(next, run)
  }

  const run = (): void => {
    const nowMs = now()
    ranMs = nowMs
    armedMs = Infinity
    nameless.expire(nowMs)
    for (const [userId, source] of sources) {
      if (source.dueMs <= nowMs) drain(userId, source, nowMs)
    }
    let nextMs = nameless.isEmpty() ? Infinity : nowMs + Nameless.usual.ms
    for (const { advance } of timed) advance?.(nowMs)
    nextMs = Math.min(nextMs, nextOfListeners())
    for (const { dueMs } of sources.values()) if (dueMs < nextMs) nextMs = dueMs
    if (nextMs !== Infinity) arm(nextMs)
  }

  const take = (userId: UserId, packet: AudioPacket, arrivalMs: number, nowMs: number): void => {
    heard.add(userId)
    if (!isWanted(userId)) return
    let source = sources.get(userId)
    if (source === undefined) {
      source = { buffer: JitterBuffer.make(userId, options), isGone: false, dueMs: Infinity }
      sources.set(userId, source)
    }
    source.isGone = false
    const isSilence = OpusPacket.isSilence(packet.payload)
    source.buffer.push(packet, arrivalMs)
    for (const { onArrival } of toAll) onArrival?.(userId, packet, isSilence, arrivalMs)
    source.dueMs = source.buffer.nextDueMs()
    if (source.dueMs <= nowMs) drain(userId, source, nowMs)
    arm(armedMs === Infinity ? Math.min(source.dueMs, nextOfListeners()) : source.dueMs)
  }

  const nextOfListeners = (): number => {
    let nextMs = Infinity
    for (const listener of timed) nextMs = Math.min(nextMs, listener.nextMs?.() ?? Infinity)
    return nextMs
  }

  /** Waiting packets of this SSRC go first. */
  const release = (ssrc: Ssrc, userId: UserId, nowMs: number): void => {
    for (const { arrivalMs, packet } of nameless.take(ssrc, nowMs)) take(userId, packet, arrivalMs, nowMs)
  }

  const reader: Reader = {
    only: () => toAll.size > 0 ? undefined : new Set(wanted.keys()),
    onPacket: (packet) => {
      const nowMs = now()
      offsetMs = Math.min(offsetMs, nowMs - packet.arrivalMs - (packet.waitedMs ?? 0))
      const arrivalMs = packet.arrivalMs + offsetMs
      if (packet.userId === undefined) {
        nameless.push({ packet, arrivalMs }, nowMs)
        return arm(nowMs + Nameless.usual.ms)
      }
      release(packet.ssrc, packet.userId, nowMs)
      take(packet.userId, packet, arrivalMs, nowMs)
    },
    onOver: (error) => {
      over = error
      // nothing more arrives that would have to be waited for
      for (const [userId, source] of sources) drain(userId, source, Infinity)
      for (const { onOver } of listeners) onOver(error)
    }
  }

  yield* intake.observe({
    onEvent: (event) => {
      switch (event._tag) {
        case "Announced":
        case "Speaking":
          return release(event.ssrc, event.userId, now())
        case "Resuming":
          return nameless.lose()
        case "Resumed":
          return nameless.regain(now())
        case "UserDisconnected": {
          const { userId } = event
          heard.delete(userId)
          for (const { onGone } of toAll) onGone?.(userId)
          const source = sources.get(userId)
          return source === undefined ? undefined : leave(userId, source)
        }
        case "Moved":
          return leaveAllBut(new Set())
      }
    },
    // also while nobody listens: a later listener must not rely on the state of the former connection
    onConnection: () => {
      offsetMs = Infinity
      // nobody reports who has left in the meantime
      leaveAllBut(new Set(intake.members()))
      nameless.regain(now())
      nameless.forget()
    },
    onDeaf: (deaf) => {
      for (const { buffer } of sources.values()) buffer.setDeaf(deaf)
    },
    onOver: () => {}
  })
  yield* Effect.addFinalizer(() => Effect.sync(clear))

  /** Reads while there are listeners: packets to which nobody listens are not even opened. */
  const read = Effect.gen(function*() {
    reading = yield* Scope.make()
    // a new reader each time: the previous one may still be ending
    yield* Scope.provide(intake.read({ ...reader }), reading)
  })
  const stop = Effect.suspend(() => {
    const former = reading
    reading = undefined
    // their audio no longer shows whether they are still there
    heard.clear()
    return former === undefined ? Effect.void : Scope.close(former, Exit.void)
  })

  const add = (listener: Listener): void => {
    listeners.add(listener)
    if (over !== undefined) listener.onOver(over)
    const { userId } = listener
    if (userId === undefined) toAll.add(listener)
    else wanted.set(userId, (wanted.get(userId) ?? new Set()).add(listener))
    if (listener.nextMs === undefined) return
    timed.add(listener)
    arm(listener.nextMs())
  }

  const remove = (listener: Listener): void => {
    if (!listeners.delete(listener)) return
    const { userId } = listener
    timed.delete(listener)
    toAll.delete(listener)
    if (userId !== undefined) {
      const others = wanted.get(userId)
      others?.delete(listener)
      if (others?.size === 0) wanted.delete(userId)
      if (!isWanted(userId)) retire(userId)
    } else if (toAll.size === 0) {
      for (const known of sources.keys()) if (!isWanted(known)) retire(known)
    }
  }

  return {
    listen: (makeListener) =>
      Effect.gen(function*() {
        const listener = makeListener(now())
        yield* Effect.acquireRelease(
          Effect.suspend(() => {
            add(listener)
            return listeners.size === 1 ? read : intake.reread
          }),
          () =>
            Effect.suspend(() => {
              remove(listener)
              return listeners.size === 0 ? stop : intake.reread
            })
        )
      }),
    participants: () => new Set([...intake.members(), ...heard]),
    jitterMs: (userId) => sources.get(userId)?.buffer.jitterMs() ?? 0,
    statistics: (userId) => sources.get(userId)?.buffer.statistics(),
    totals: () => {
      let all = past
      for (const { buffer } of sources.values()) all = sum(all, buffer.statistics(), false)
      return { ...all, unknownSenders: nameless.unknown() }
    }
  }
})
