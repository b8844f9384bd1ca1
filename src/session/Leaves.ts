/**
 * Requests to leave a guild that were sent and not answered yet.
 *
 * Discord answers in order: a session that asks for a channel after such a request is first told that it is in none, and must
 * not take that for a moderator's doing. Sessions follow one another in a guild, and a late answer to one may arrive at the
 * next.
 *
 * Leaving after a request that was not granted may get no answer, since there is nothing to leave. If the next request is for
 * another channel and is granted, Discord's order reveals this. If it is for the same channel, nothing on the wire does: the
 * state could be a late answer to the first request, followed by the answer to the leaving, and a moderator's doing looks the
 * same. What comes next decides then: the second grant comes at once, or not at all.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Gateway from "../Gateway.ts"
import type { ChannelId, GuildId } from "../protocol/Identifier.ts"

/**
 * One request to leave.
 *
 * @category models
 * @since 0.1.0
 */
export interface Leave {
  /** It was sent. It may have waited for the limit of messages, or for an unavailable gateway. */
  readonly sent: () => void
  /** It will never be sent. */
  readonly failed: () => void
}

/**
 * The unanswered requests to leave. Plain code except for `settle`. Times are nanoseconds of a monotonic clock.
 *
 * @category models
 * @since 0.1.0
 */
export interface Leaves {
  /**
   * Notes that the bot says that it leaves. `former` is the channel that was requested before and has not been granted, as
   * far as is known: it is then not known whether there is something to leave.
   */
  readonly say: (former?: ChannelId) => Leave
  /**
   * Run before a request for a channel: waits until no request to leave is waiting to be sent. Whatever arrives until then
   * answers an earlier request.
   */
  readonly settle: Effect.Effect<void>
  /** Notes a request for a channel: earlier requests to leave are answered before it. */
  readonly asked: () => void
  /** Discord says that the bot is in a channel. */
  readonly granted: (channelId: ChannelId) => void
  /**
   * Discord says that the bot is in no channel. Returns whether that answers a request of our own to leave, which another
   * request has already followed.
   */
  readonly answered: () => boolean
  /** The main gateway was lost: requests that wait from now on are sent in the session that follows. */
  readonly lost: () => void
  readonly resumed: () => void
  /** Requests in the former main gateway session are no longer answered. */
  readonly newSession: () => void
  /** An outage of the guild has begun: nobody hears what is sent from now on. */
  readonly out: () => void
  /** The outage is over. */
  readonly back: () => void
  /** Passes the unanswered requests to the next session in the guild. */
  readonly handOver: () => void
}

interface Open {
  readonly former: ChannelId | undefined
  sentAtNanos: bigint | undefined
  isAskedSince: boolean
  isVoid: boolean
  /** Completes when it no longer waits, whether it was sent or not. */
  readonly settled: Deferred.Deferred<void>
}

/** How late Discord may say that the bot has left, to be distinguished from being removed. */
const echoWait = Duration.seconds(10)

/** How long an outage may have been over before that is reported. */
const transit = Duration.millis(500)

const none: ReadonlyArray<Open> = []

/** The unanswered requests of sessions that are over, by guild. */
const handedOver = new WeakMap<Gateway.Gateway["Service"], Map<GuildId, ReadonlyArray<Open>>>()

class Said implements Leaves {
  readonly #estates: Map<GuildId, ReadonlyArray<Open>>
  readonly #guildId: GuildId
  readonly #nowNanos: () => bigint
  #open: ReadonlyArray<Open>
  #lostAtNanos: bigint | undefined
  #outAtNanos: bigint | undefined

  constructor(estates: Map<GuildId, ReadonlyArray<Open>>, guildId: GuildId, nowNanos: () => bigint) {
    this.#estates = estates
    this.#guildId = guildId
    this.#nowNanos = nowNanos
    this.#open = estates.get(guildId) ?? none
    estates.delete(guildId)
  }

  #expire(): void {
    const after = this.#nowNanos() - Duration.toNanosUnsafe(echoWait)
    this.#open = this.#open.filter(({ isVoid, sentAtNanos }) =>
      !isVoid && (sentAtNanos === undefined || sentAtNanos > after)
    )
  }

  say(former?: ChannelId): Leave {
    const leave: Open = {
      former,
      sentAtNanos: undefined,
      isAskedSince: false,
      isVoid: false,
      settled: Deferred.makeUnsafe()
    }
    this.#open = [...this.#open, leave]
    return {
      sent: () => {
        leave.sentAtNanos = this.#nowNanos()
        Deferred.doneUnsafe(leave.settled, Effect.void)
      },
      failed: () => {
        leave.isVoid = true
        Deferred.doneUnsafe(leave.settled, Effect.void)
      }
    }
  }

  get settle(): Effect.Effect<void> {
    return Effect.suspend(() => {
      // a caller that gives up waiting wanted a channel nevertheless
      this.asked()
      return Effect.forEach(this.#open, ({ settled }) => Deferred.await(settled), { discard: true })
    })
  }

  asked(): void {
    for (const leave of this.#open) leave.isAskedSince = true
  }

  granted(channelId: ChannelId): void {
    this.#expire()
    // a later request is granted: earlier requests to leave will not be answered
    while (this.#isBefore(channelId)) this.#open = this.#open.slice(1)
  }

  /** Whether the first unanswered request was made before that channel was requested, when there was nothing to leave. */
  #isBefore(channelId: ChannelId): boolean {
    const first = this.#open[0]
    return first !== undefined && first.isAskedSince && first.sentAtNanos !== undefined &&
      first.former !== undefined && first.former !== channelId
  }

  answered(): boolean {
    this.#expire()
    const isEcho = this.#open[0]?.isAskedSince === true
    // others may be on their way, if the main gateway is slow
    this.#open = this.#open.slice(1)
    return isEcho
  }

  lost(): void {
    this.#lostAtNanos ??= this.#nowNanos()
  }

  resumed(): void {
    this.#lostAtNanos = undefined
  }

  newSession(): void {
    const lostAt = this.#lostAtNanos
    this.#lostAtNanos = undefined
    this.#open = this.#open.filter(({ sentAtNanos }) =>
      sentAtNanos === undefined || (lostAt !== undefined && sentAtNanos >= lostAt)
    )
  }

  out(): void {
    this.#outAtNanos ??= this.#nowNanos()
  }

  back(): void {
    this.#forgetOutage(this.#nowNanos() - Duration.toNanosUnsafe(transit))
  }

  /** Nobody has heard the requests from the beginning of the outage until `heardAt`. */
  #forgetOutage(heardAt: bigint | undefined): void {
    const outAt = this.#outAtNanos
    this.#outAtNanos = undefined
    if (outAt === undefined) return
    this.#open = this.#open.filter(({ sentAtNanos }) =>
      sentAtNanos === undefined || sentAtNanos < outAt || (heardAt !== undefined && sentAtNanos > heardAt)
    )
  }

  handOver(): void {
    // the next session does not know when the outage has begun
    this.#forgetOutage(undefined)
    this.#expire()
    if (this.#open.length > 0) this.#estates.set(this.#guildId, this.#open)
  }
}

/**
 * Makes the record for the one session of a guild, with what the session before it has left unanswered.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (gateway: Gateway.Gateway["Service"], guildId: GuildId, nowNanos: () => bigint): Leaves => {
  const estates = handedOver.get(gateway) ?? new Map<GuildId, ReadonlyArray<Open>>()
  handedOver.set(gateway, estates)
  return new Said(estates, guildId, nowNanos)
}
