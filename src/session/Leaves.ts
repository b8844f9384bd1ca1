/**
 * What was said of leaving a guild and not answered yet. Discord answers in order: who asks for a channel after that is told
 * first that it is in none, and must not take it for a moderator's doing. Sessions follow one another in a guild, and a late
 * answer to one may come to the next.
 *
 * Who leaves after a request that was not granted may get no answer, since there is nothing to leave. Discord's order tells so where
 * the next request is for another channel and is granted. For the same channel nothing on the wire does: that state could be a late
 * answer to the first request, which the answer to the leaving follows, and a moderator's doing looks like that. What comes next
 * decides then: the second grant comes at once, or none at all.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Gateway from "../Gateway.ts"
import type { ChannelId, GuildId } from "../protocol/Identifier.ts"

/**
 * Once that we said that we leave.
 *
 * @category models
 * @since 0.1.0
 */
export interface Leave {
  /** It was sent: it may have waited for the limit of messages, or for a gateway that was away. */
  readonly sent: () => void
  /** It will never be sent. */
  readonly failed: () => void
}

/**
 * Plain code but for `settle`. Times are nanoseconds of a monotonic clock.
 *
 * @category models
 * @since 0.1.0
 */
export interface Leaves {
  /**
   * We say that we leave. `former` is what was asked for before and has not been granted, as far as is known: whether there is
   * something to leave is not known then.
   */
  readonly say: (former?: ChannelId) => Leave
  /**
   * We are going to ask for a channel: waits until nothing that was said waits to be sent. Until then, what comes answers somebody who
   * asked before that.
   */
  readonly settle: Effect.Effect<void>
  /** We ask for a channel: what was said before is answered before that. */
  readonly asked: () => void
  /** Discord says that we are in a channel. */
  readonly granted: (channelId: ChannelId) => void
  /** Discord says that we are in no channel. Whether that is the answer to our own leaving, which a request has followed already. */
  readonly answered: () => boolean
  /** The main gateway was lost: what waits from now on is sent in the session that follows. */
  readonly lost: () => void
  readonly resumed: () => void
  /** What the former main gateway session was told is not answered any more. */
  readonly newSession: () => void
  /** An outage of the guild has begun: nobody hears what is said from now on. */
  readonly out: () => void
  /** It is over. */
  readonly back: () => void
  /** The next session in the guild has to reckon with what is open. */
  readonly handOver: () => void
}

interface Open {
  readonly former: ChannelId | undefined
  sentAtNanos: bigint | undefined
  isAskedSince: boolean
  isVoid: boolean
  /** Whether it was sent or not, it waits no more. */
  readonly settled: Deferred.Deferred<void>
}

/** How late Discord may say that we have left, for it to be told from being removed. */
const echoWait = Duration.seconds(10)

/** How long before we hear that an outage is over it may have been so. */
const transit = Duration.millis(500)

const none: ReadonlyArray<Open> = []

/** What sessions that are over have left open, by guild. */
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
      // whoever gives up waiting has wanted a channel nevertheless
      this.asked()
      return Effect.forEach(this.#open, ({ settled }) => Deferred.await(settled), { discard: true })
    })
  }

  asked(): void {
    for (const leave of this.#open) leave.isAskedSince = true
  }

  granted(channelId: ChannelId): void {
    this.#expire()
    // what was asked for later is granted: of what was said before, no answer will come
    while (this.#isBefore(channelId)) this.#open = this.#open.slice(1)
  }

  /** Whether the first that is open was said before that channel was asked for, and where there was nothing to leave. */
  #isBefore(channelId: ChannelId): boolean {
    const first = this.#open[0]
    return first !== undefined && first.isAskedSince && first.sentAtNanos !== undefined &&
      first.former !== undefined && first.former !== channelId
  }

  answered(): boolean {
    this.#expire()
    const isEcho = this.#open[0]?.isAskedSince === true
    // others may be on their way, when the main gateway is slow
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

  /** Nobody has heard what was said from its beginning until `heardAt`. */
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
 * For the one session of a guild, with what the session before it has left open.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (gateway: Gateway.Gateway["Service"], guildId: GuildId, nowNanos: () => bigint): Leaves => {
  const estates = handedOver.get(gateway) ?? new Map<GuildId, ReadonlyArray<Open>>()
  handedOver.set(gateway, estates)
  return new Said(estates, guildId, nowNanos)
}
