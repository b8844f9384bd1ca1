/**
 * The points at which a run can be disturbed. Every message and datagram passes here, on its way in and on its way out. A fault
 * may drop, delay, repeat or replace it, or end the WebSocket that carries it.
 *
 * @since 0.1.0
 */
import type { UserId } from "../../../protocol/Identifier.ts"
import type {
  ConnectionId,
  CoreContext,
  Fault,
  FaultAction,
  FaultPoint,
  FaultSubject,
  Output,
  Random,
  Timers
} from "../CoreContext.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Faults {
  /**
   * Adds a fault, and returns a function that removes it. All faults are asked, in the order of addition: their delays add up,
   * and of their other actions the first one counts.
   */
  readonly add: (fault: Fault) => () => void
  readonly through: CoreContext["through"]
  /** Only decides, for subjects whose answer cannot wait (REST). Counts the subject like `through`. */
  readonly decide: (subject: Omit<FaultSubject, "index">) => Decision | undefined
}

/**
 * The combined decision of the faults.
 *
 * @category models
 * @since 0.1.0
 */
export interface Decision {
  /** `undefined` if there is only a delay. */
  readonly action: Exclude<FaultAction, { readonly _tag: "Delay" }> | undefined
  /** The delay in milliseconds; `undefined` if there is none. */
  readonly delayMs: number | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** The random source of the faults. It is separate, so that adding a fault does not change the ids of a run. */
  readonly random: Random
  readonly timers: Timers
  readonly now: () => number
  readonly emit: (output: Output) => void
  readonly count: (name: string) => void
  /** Called after a fault has ended a connection, so that its owner learns of it. 1006 without a close frame. */
  readonly onEnded: (connection: ConnectionId, code: number) => void
}

/** What is numbered together, and what can overtake what. */
interface Kind {
  readonly point: FaultPoint
  readonly userId: UserId | undefined
  readonly op: number | string | undefined
}

type Subject = Parameters<CoreContext["through"]>[1]

interface Held extends Kind {
  behind: number
  readonly release: () => void
}

const isDatagram = (point: FaultPoint): boolean => point === "datagram-in" || point === "datagram-out"

const idsAndTokens = /[0-9a-f]{15,}/g

/** The bytes of a datagram are valid only during the call. The `slice` of a Buffer would not be a copy. */
const copyOf = (frame: string | Uint8Array): string | Uint8Array =>
  typeof frame === "string" ? frame : new Uint8Array(frame)

/**
 * Makes the fault points. `FaultSubject.index` runs from 0 for each point, user and opcode (or dispatch name, or route). Each
 * action is counted as `fault:point:Action`. A `Close` or `Terminate` without a connection drops its subject.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Faults => {
  const faults: Array<{ readonly fault: Fault }> = []
  const seen = new Map<FaultPoint, Map<UserId | undefined, Map<number | string | undefined, number>>>()

  const running = (point: FaultPoint, userId: UserId | undefined, op: number | string | undefined) => {
    let users = seen.get(point)
    if (users === undefined) seen.set(point, users = new Map())
    let ops = users.get(userId)
    if (ops === undefined) users.set(userId, ops = new Map())
    // each message and interaction has its own path, and remembering them would take unlimited memory
    const route = point === "rest" && typeof op === "string" ? op.replace(idsAndTokens, ":") : op
    const index = ops.get(route) ?? 0
    ops.set(route, index + 1)
    return index
  }

  const decide: Faults["decide"] = (subject) => {
    const index = running(subject.point, subject.userId, subject.op)
    if (faults.length === 0) return undefined
    const numbered = { ...subject, index }
    let delayMs = 0
    let first: Decision["action"]
    let isDelayed = false
    for (const { fault } of faults.slice()) {
      const action = fault(numbered, options.random)
      if (action === undefined) continue
      options.count(`fault:${subject.point}:${action._tag}`)
      if (action._tag !== "Delay") first ??= action
      else {
        isDelayed = true
        delayMs += action.ms
      }
    }
    return first === undefined && !isDelayed ? undefined : { action: first, delayMs: isDelayed ? delayMs : undefined }
  }

  const end = (connection: ConnectionId | undefined, action: Extract<FaultAction, { _tag: "Close" | "Terminate" }>) => {
    if (connection === undefined) return
    if (action._tag === "Close") {
      options.emit({ _tag: "Close", connection, code: action.code, reason: action.reason })
      return options.onEnded(connection, action.code)
    }
    options.emit({ _tag: "Terminate", connection })
    options.onEnded(connection, 1006)
  }

  /** What is late on each connection, by kind: how many, and when the last one is due. */
  const late = new Map<ConnectionId, Map<Kind["op"], { count: number; dueMs: number }>>()

  /**
   * How late a message of a WebSocket has to be, in milliseconds; `undefined` if it does not have to wait. It does not overtake
   * another of its kind, even if the fault has been removed: nothing real does so within a connection.
   */
  const inOrder = ({ connection, op }: Subject, delayMs: number | undefined): number | undefined => {
    if (connection === undefined || (delayMs === undefined && late.size === 0)) return delayMs
    const now = options.now()
    const before = late.get(connection)?.get(op)
    if (before === undefined) return delayMs
    return Math.max(delayMs ?? 0, before.dueMs - now)
  }

  /** Runs an action later, and remembers in the meantime that it is late. */
  const postpone = ({ connection, op }: Subject, delayMs: number, action: () => void): void => {
    const dueMs = options.now() + delayMs
    if (connection === undefined) {
      options.timers.at(dueMs, action)
      return
    }
    let kinds = late.get(connection)
    if (kinds === undefined) late.set(connection, kinds = new Map())
    const before = kinds.get(op)
    const kind = before ?? { count: 0, dueMs }
    if (before === undefined) kinds.set(op, kind)
    kind.count++
    kind.dueMs = dueMs
    options.timers.at(dueMs, () => {
      if (--kind.count === 0) {
        kinds.delete(op)
        if (kinds.size === 0) late.delete(connection)
      }
      action()
    })
  }

  const held = new Set<Held>()

  const hold = (kind: Kind, action: Extract<FaultAction, { _tag: "Hold" }>, pass: () => void) => {
    const entry: Held = {
      ...kind,
      behind: action.behind,
      release: () => {
        if (!held.delete(entry)) return
        cancel()
        pass()
      }
    }
    held.add(entry)
    const cancel = options.timers.at(options.now() + action.ms, entry.release)
  }

  /** Releases what was held back until this one has passed. */
  const overtaken = ({ op, point, userId }: Kind) => {
    for (const entry of Array.from(held)) {
      if (entry.point !== point || entry.userId !== userId || entry.op !== op) continue
      entry.behind--
      if (entry.behind <= 0) entry.release()
    }
  }

  const decided = (
    action: Decision["action"],
    delayMs: number | undefined,
    subject: Subject,
    point: FaultPoint,
    pass: (frame: string | Uint8Array) => void
  ) => {
    if (action?._tag === "Drop") return
    if (delayMs === undefined) return action === undefined ? pass(subject.frame) : act(action, subject, point, pass)
    const copy = { ...subject, frame: copyOf(subject.frame) }
    postpone(subject, delayMs, () => {
      if (action === undefined) pass(copy.frame)
      else act(action, copy, point, pass)
    })
  }

  const act = (
    action: Exclude<FaultAction, { readonly _tag: "Delay" | "Drop" }>,
    subject: Subject,
    point: FaultPoint,
    pass: (frame: string | Uint8Array) => void
  ) => {
    const { connection, frame, op, userId } = subject
    switch (action._tag) {
      case "Hold": {
        const copy = copyOf(frame)
        return hold({ point, userId, op }, action, () => pass(copy))
      }
      case "Duplicate":
        for (let i = 0; i <= action.copies; i++) {
          // A receiver may process the bytes in place, so each copy but the last has its own.
          pass(i === action.copies ? frame : copyOf(frame))
        }
        return
      case "Replace":
        return pass(action.frame)
      case "Close":
      case "Terminate":
        if (action.at === "after") pass(frame)
        return end(connection, action)
      case "Refuse":
        return pass(frame)
    }
  }

  return {
    add: (fault) => {
      const entry = { fault }
      faults.push(entry)
      return () => {
        const at = faults.indexOf(entry)
        if (at >= 0) faults.splice(at, 1)
      }
    },
    decide,
    through: (point, subject, pass) => {
      let decision: Decision | undefined
      if (faults.length === 0) running(point, subject.userId, subject.op)
      else decision = decide({ point, userId: subject.userId, op: subject.op, frame: subject.frame })
      const delayMs = isDatagram(point) ? decision?.delayMs : inOrder(subject, decision?.delayMs)
      decided(decision?.action, delayMs, subject, point, pass)
      if (held.size > 0 && decision?.action?._tag !== "Hold") {
        overtaken({ point, userId: subject.userId, op: subject.op })
      }
    }
  }
}
