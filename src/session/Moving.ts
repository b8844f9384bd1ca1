/**
 * Moves to another channel of the guild, which takes the session along. One move at a time.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import type { ChannelId, GuildId } from "../protocol/Identifier.ts"
import * as VoiceError from "../VoiceError.ts"
import * as Arrival from "./Arrival.ts"
import type { Conduit } from "./Conduit.ts"
import type { State } from "./State.ts"
import type * as Whereabouts from "./Whereabouts.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface MovingOptions {
  readonly guildId: GuildId
  /** Where the session is to be. */
  readonly target: { channelId: ChannelId }
  readonly joinTimeout: Duration.Duration
  readonly flags: () => Whereabouts.Flags
  readonly state: () => State
  /** The current state and every later one. */
  readonly states: () => Stream.Stream<State>
  readonly whereabouts: Whereabouts.Whereabouts
  readonly conduit: Pick<Conduit, "hold" | "release">
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Moving {
  /**
   * Ends when the session is there, or closed. Fails with `NotAdmitted` or `JoinTimedOut`; the session then stays where it is
   * if Discord has not let it in.
   */
  readonly move: (channelId: ChannelId) => Effect.Effect<void, VoiceError.VoiceError>
  /** The channel that Discord was asked to move the bot to. */
  readonly to: () => ChannelId | undefined
  /**
   * Called when the session was not let in while it came back. Returns whether that was the target of a move: the move then
   * fails with the error, and the session's target is again where it was before. Plain code.
   */
  readonly refuse: (error: VoiceError.VoiceError) => boolean
}

/** How long what plays waits for Discord to grant a move: a move that is not granted is not answered. */
const heldFor = Duration.seconds(1)

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: MovingOptions): Moving => {
  const { conduit, flags, guildId, joinTimeout, state, states, target, whereabouts } = options
  let to: ChannelId | undefined
  let fail: ((error: VoiceError.VoiceError) => void) | undefined
  let oneMove: Semaphore.Semaphore | undefined

  const attempt = (channelId: ChannelId) => {
    let former = target.channelId
    let before = whereabouts.now()
    let asked = false
    const deadline = whereabouts.deadline(joinTimeout)
    const missing = () =>
      asked && deadline.askedAt === undefined
        ? "gateway"
        : Arrival.missing(before, whereabouts.now(), channelId) ?? "connection"

    /**
     * Nobody waits for the move any more: the current channel counts, and a moderator may have moved the bot in the meantime.
     */
    const giveUp = () => {
      if (target.channelId === channelId) target.channelId = whereabouts.now().channelId ?? former
    }

    /** How the bot is shown was sent for the other channel; where it is, that is not known. */
    const showHere = Effect.suspend(() => {
      const wanted = flags()
      const { channelId: here, shown } = whereabouts.now()
      const { _tag } = state()
      const isHere = here !== undefined && here !== null && here !== channelId && shown !== undefined
      if ((_tag !== "Ready" && _tag !== "Resuming") || !isHere) return Effect.void
      return wanted.mute === shown.mute && wanted.deaf === shown.deaf
        ? Effect.void
        : whereabouts.announce(() => undefined, flags)
    }).pipe(
      Effect.catch((error) =>
        Effect.logWarning(`Could not update whether the bot is shown as muted or deafened: ${error.message}`)
      ),
      // this may wait for the limit of messages, but the end of a move does not
      Effect.forkDetach({ startImmediately: true })
    )

    /** If the request had no effect by then, the session is where it was, and what plays continues there. */
    const playOn = Effect.sleep(heldFor).pipe(
      Effect.andThen(Effect.suspend(() => {
        const what = missing()
        return what === "both" || what === "gateway" ? conduit.release : Effect.void
      }))
    )

    const ask = Effect.suspend(() => {
      before = whereabouts.now()
      return Effect.map(whereabouts.tell(channelId, flags()), () => {
        deadline.asked()
        // it may have waited to be sent: only what comes after that can have lost it
        const { resumes, returns } = whereabouts.now()
        before = { ...before, resumes, returns }
      })
    })

    /** Follows the session until it is in the channel, and asks Discord for it unless the session does so itself. */
    const isThere = (now: State): Effect.Effect<boolean, VoiceError.VoiceError> => {
      if ((now._tag === "Connecting" || now._tag === "Ready") && now.channelId !== channelId) former = now.channelId
      switch (now._tag) {
        case "Closed":
          return Effect.succeed(true)
        case "Ready":
        case "Resuming":
          if (now.channelId === channelId || asked) {
            return Effect.succeed(now._tag === "Ready" && now.channelId === channelId)
          }
          asked = true
          deadline.asking()
          return Effect.andThen(
            Effect.andThen(conduit.hold, Effect.forkChild(playOn)),
            Effect.suspend(() => {
              // silence takes time, and what has happened since is checked next
              if (state() === now) return Effect.as(ask, false)
              asked = false
              return Effect.succeed(false)
            })
          )
        default:
          // the next request is for this channel; if there is none, the next connection is only on the way there
          asked = false
          target.channelId = channelId
          return Effect.succeed(false)
      }
    }

    /**
     * Requests during an outage are lost, and so are those that have no answer although the main gateway has resumed, which
     * repeats all answers.
     */
    const isLost = (now: Whereabouts.Now) => {
      if (!asked || deadline.askedAt === undefined) return undefined
      const isUnheard = now.resumes > before.resumes && Arrival.missing(before, now, channelId) === "both"
      return now.returns > before.returns || isUnheard ? true : undefined
    }
    const again = whereabouts.until(isLost).pipe(
      Effect.andThen(Effect.suspend(() => {
        deadline.asking()
        return ask
      })),
      Effect.forever
    )
    const arrived = states().pipe(Stream.mapEffect(isThere), Stream.takeUntil((is) => is), Stream.runDrain)
    const refused = whereabouts.refused(channelId, () => asked && missing() === "both" ? deadline.askedAt : undefined)
    const refusedMeanwhile = Effect.callback<never, VoiceError.VoiceError>((resume) => {
      fail = (error) => {
        giveUp()
        resume(Effect.fail(error))
      }
    })
    to = channelId
    const expired = Effect.flatMap(deadline.expiry, () =>
      VoiceError.fail(
        new VoiceError.JoinTimedOut({
          guildId,
          channelId,
          missing: Arrival.cause(missing(), whereabouts.now()),
          elapsedMs: deadline.elapsedMs()
        })
      ))
    return Effect.raceAllFirst([arrived, again, refused, refusedMeanwhile, expired]).pipe(
      Effect.onExit((exit) =>
        Effect.suspend(() => {
          to = undefined
          fail = undefined
          // the connection may still be on its way
          if (Exit.isSuccess(exit)) return conduit.release
          giveUp()
          whereabouts.look()
          return Effect.andThen(showHere, conduit.release)
        })
      )
    )
  }

  return {
    move: (channelId) =>
      Effect.suspend(() => (oneMove ??= Semaphore.makeUnsafe(1)).withPermit(Effect.suspend(() => attempt(channelId)))),
    to: () => to,
    refuse: (error) => {
      const { reason } = error
      if (reason._tag !== "NotAdmitted" || reason.channelId !== to || fail === undefined) return false
      fail(error)
      return true
    }
  }
}
