/**
 * Faults as data: the messages and datagrams that a rule matches, and what happens to them.
 *
 * @since 0.1.0
 */
import type { UserId } from "../../../protocol/Identifier.ts"
import type { Fault, FaultAction, FaultPoint, FaultSubject, Random } from "../CoreContext.ts"

/**
 * What a rule matches. Every condition that is given has to match; conditions that are left out always do. `nth`, `from` and
 * `to` count what matches the other conditions, from 1, since the rule was created.
 *
 * @category models
 * @since 0.1.0
 */
export interface When {
  readonly point: FaultPoint | ReadonlyArray<FaultPoint>
  /** A name or an id. Without it, connections and datagrams that belong to nobody match, too. */
  readonly user?: string | undefined
  /**
   * The opcode of a message, the name of a dispatch ("VOICE_SERVER_UPDATE"), the kind of a datagram ("rtp", "rtcp",
   * "discovery", "ping", "keepalive"), or method and path of a request ("GET /gateway/bot"), in which `:` stands for any
   * segment: "POST /channels/:/messages".
   */
  readonly op?: number | string | ReadonlyArray<number | string> | undefined
  /**
   * A custom condition, evaluated after the others and before counting. It runs inside the emulator, so it has to be fast and
   * pure.
   */
  readonly test?: ((subject: FaultSubject) => boolean) | undefined
  /** Matches only the one with this number. */
  readonly nth?: number | undefined
  /** Matches only from this number on. */
  readonly from?: number | undefined
  /** Matches only up to this number. */
  readonly to?: number | undefined
  /** The probability of each, in [0, 1], decided by the emulator's seed. */
  readonly rate?: number | undefined
}

/**
 * What happens to whatever matches a rule:
 *
 * - `"drop"`: it never arrives.
 * - `"corrupt"`: one bit of a datagram is flipped, or one character of a message is changed so that it is not valid JSON.
 * - `delayMs`: it arrives later, by up to `jitterMs` more. Later ones may overtake it.
 * - `duplicate`: it arrives this many additional times.
 * - `holdBehind`: it arrives after this many later ones of its kind, or after `atMostMs` (1000).
 * - `replaceWith`: something else arrives.
 * - `cut`: its WebSocket ends without a close frame, before it arrives or directly after.
 * - `close`: its WebSocket is closed with a code, before it arrives (the default) or directly after.
 * - `status`: a REST request is answered with this status, as Discord does it, and has no effect. 429 says when to retry
 *   (`retryAfterMs`, by default 1000); 500 to 599 mean that Discord is broken.
 *
 * The WebSocket of a datagram is the voice WebSocket of its user. If there is none, `cut` and `close` drop the datagram.
 *
 * @category models
 * @since 0.1.0
 */
export type What =
  | "drop"
  | "corrupt"
  | { readonly delayMs: number; readonly jitterMs?: number | undefined }
  | { readonly duplicate: number }
  | { readonly holdBehind: number; readonly atMostMs?: number | undefined }
  | { readonly replaceWith: string | Uint8Array | ((frame: string | Uint8Array) => string | Uint8Array) }
  | { readonly cut: "before" | "after" }
  | { readonly status: number; readonly retryAfterMs?: number | undefined }
  | { readonly close: number; readonly reason?: string | undefined; readonly at?: "before" | "after" | undefined }

/**
 * How datagrams are treated, in both directions or in one. The probabilities, in [0, 1], are tried in this order until one
 * applies. A datagram to which none applies is delayed, if a delay is given. Default: nothing happens.
 *
 * @category models
 * @since 0.1.0
 */
export interface DatagramFaults {
  readonly direction?: "in" | "out" | "both" | undefined
  readonly loss?: number | undefined
  readonly corrupt?: number | undefined
  readonly duplicate?: number | undefined
  /** The datagram is held back until the next two of its kind have passed. */
  readonly reorder?: number | undefined
  readonly delayMs?: number | undefined
  /** The maximum of a uniformly distributed addition to the delay. */
  readonly jitterMs?: number | undefined
}

const heldAtMostMs = 1_000

const corrupted = (frame: string | Uint8Array, random: Random): string | Uint8Array => {
  if (typeof frame === "string") {
    const at = random.int(frame.length)
    return `${frame.slice(0, at)}\0${frame.slice(at + 1)}`
  }
  const bytes = new Uint8Array(frame)
  const at = random.int(bytes.length)
  bytes[at] = (bytes[at] ?? 0) ^ (1 << random.int(8))
  return bytes
}

const later = (delayMs: number, jitterMs: number | undefined, random: Random): FaultAction => ({
  _tag: "Delay",
  ms: jitterMs === undefined ? delayMs : delayMs + random.next() * jitterMs
})

const actionOf = (what: What, subject: FaultSubject, random: Random): FaultAction => {
  if (what === "drop") return { _tag: "Drop" }
  if (what === "corrupt") return { _tag: "Replace", frame: corrupted(subject.frame, random) }
  if ("delayMs" in what) return later(what.delayMs, what.jitterMs, random)
  if ("duplicate" in what) return { _tag: "Duplicate", copies: what.duplicate }
  if ("holdBehind" in what) return { _tag: "Hold", behind: what.holdBehind, ms: what.atMostMs ?? heldAtMostMs }
  if ("cut" in what) return { _tag: "Terminate", at: what.cut }
  if ("close" in what) return { _tag: "Close", code: what.close, reason: what.reason ?? "", at: what.at }
  if ("status" in what) return { _tag: "Refuse", status: what.status, retryAfterMs: what.retryAfterMs ?? 1_000 }
  const { replaceWith } = what
  return { _tag: "Replace", frame: typeof replaceWith === "function" ? replaceWith(subject.frame) : replaceWith }
}

/** Whether a value is wanted. Without a condition, every value is. */
const among = <A extends number | string>(
  wanted: A | ReadonlyArray<A> | undefined
): (value: A | undefined) => boolean => {
  if (wanted === undefined) return () => true
  const set = new Set<A | undefined>(typeof wanted === "object" ? wanted : [wanted])
  return (value) => set.has(value)
}

/** In the path of a request, a colon stands for something that cannot be known in advance: an id or a token. */
const opsOf = (wanted: When["op"]): (op: number | string | undefined) => boolean => {
  const [isAmong, all] = [among(wanted), [wanted].flat()]
  const patterns = all.flatMap((op) => typeof op === "string" && op.includes("/:") ? [op.split("/")] : [])
  if (patterns.length === 0) return isAmong
  return (op) => {
    const parts = typeof op === "string" ? op.split("/") : []
    const isLike = (pattern: ReadonlyArray<string>) =>
      pattern.length === parts.length && pattern.every((part, i) => part === ":" || part === parts[i])
    return isAmong(op) || patterns.some(isLike)
  }
}

/**
 * Makes the fault of a rule. `userId` is the id of `when.user`. `onHit` is called whenever the rule has acted, after the action
 * was decided.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  when: When,
  userId: UserId | undefined,
  what: What,
  onHit: () => void
): Fault => {
  const points = among(when.point)
  const ops = opsOf(when.op)
  const { nth, rate, test } = when
  const from = nth ?? when.from ?? 1
  const to = nth ?? when.to ?? Number.POSITIVE_INFINITY
  let count = 0
  return (subject, random) => {
    if (!points(subject.point) || !ops(subject.op)) return undefined
    if (userId !== undefined && subject.userId !== userId) return undefined
    if (test !== undefined && !test(subject)) return undefined
    count++
    if (count < from || count > to) return undefined
    if (rate !== undefined && random.next() >= rate) return undefined
    onHit()
    return actionOf(what, subject, random)
  }
}

/**
 * Matches the acknowledgements of heartbeats on the voice gateway or on the main gateway.
 *
 * @category constructors
 * @since 0.1.0
 */
export const acknowledgements = (on: "voice" | "gateway"): When =>
  on === "voice" ? { point: "voice-out", op: 6 } : { point: "gateway-out", op: 11 }

/**
 * Matches the answers to IP discovery, or only those from a number on.
 *
 * @category constructors
 * @since 0.1.0
 */
export const discoveryAnswers = (from?: number): When => ({ point: "datagram-out", op: "discovery", from })

/**
 * Matches VOICE_SERVER_UPDATE.
 *
 * @category constants
 * @since 0.1.0
 */
export const serverUpdates: When = { point: "gateway-out", op: "VOICE_SERVER_UPDATE" }

/**
 * Matches the two events of the main gateway that answer Update Voice State (op 4).
 *
 * @category constants
 * @since 0.1.0
 */
export const voiceEvents: When = { point: "gateway-out", op: ["VOICE_STATE_UPDATE", "VOICE_SERVER_UPDATE"] }

/**
 * Makes the fault of a bad network between a user and the voice servers.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeDatagrams = (options: DatagramFaults, userId: UserId, onHit: () => void): Fault => {
  const { corrupt = 0, delayMs = 0, direction = "both", duplicate = 0, jitterMs = 0, loss = 0, reorder = 0 } = options
  const choose = (subject: FaultSubject, random: Random): What | undefined => {
    const happens = (chance: number) => chance > 0 && random.next() < chance
    if (happens(loss)) return "drop"
    if (happens(corrupt)) return "corrupt"
    if (happens(duplicate)) return { duplicate: 1 }
    if (happens(reorder)) return { holdBehind: 2 }
    return delayMs > 0 || jitterMs > 0 ? { delayMs, jitterMs } : undefined
  }
  return (subject, random) => {
    const isIn = subject.point === "datagram-in"
    if ((!isIn && subject.point !== "datagram-out") || subject.userId !== userId) return undefined
    if (direction !== "both" && direction !== (isIn ? "in" : "out")) return undefined
    const what = choose(subject, random)
    if (what === undefined) return undefined
    onHit()
    return actionOf(what, subject, random)
  }
}
