/**
 * The public face of a scripted participant: a member of a channel without a socket, which speaks what it is given and
 * remembers what it hears.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { GuildId, UserId } from "../../protocol/Identifier.ts"
import type { Misbehaviour } from "../core/dave/Misbehaviour.ts"
import type { Membership, Undecryptable } from "../core/dave/Seat.ts"
import type * as Scripted from "../core/Scripted.ts"
import type { HeardFrame, HeardReport, SpokenFrame } from "../core/voice/VoiceHalf.ts"
import type { Driver } from "./Driver.ts"
import * as Effects from "./Effects.ts"
import { type EmulatorError, make as makeError, NothingToDo, NotInVoice } from "./EmulatorError.ts"
import * as Tally from "./Tally.ts"

/**
 * How a participant speaks.
 *
 * @category models
 * @since 0.1.0
 */
export interface SpeakOptions {
  /** The flags of Speaking (op 5): 1 microphone, 2 soundshare, 4 priority. Default 1. */
  readonly speaking?: number | undefined
  /** Whether five frames of silence follow. Default true. */
  readonly trailingSilence?: boolean | undefined
  /**
   * Whether to continue with the rest once the participant is on a voice server again, after it or the server was moved.
   * Default false.
   */
  readonly throughMoves?: boolean | undefined
}

/**
 * A scripted participant. It leaves when the scope in which it joined closes.
 *
 * @category models
 * @since 0.1.0
 */
export interface Participant extends Effects.Effects {
  readonly userId: UserId
  /** The current SSRC. It changes with a move, and is 0 while the participant is on no voice server. */
  readonly ssrc: Effect.Effect<number>
  /**
   * Everything heard so far, including frames of silence, in the order of arrival. Frames that cannot be decrypted are not
   * included.
   */
  readonly heard: Effect.Effect<ReadonlyArray<HeardFrame>>
  /** The sender reports (RTCP) received so far. */
  readonly senderReports: Effect.Effect<ReadonlyArray<HeardReport>>
  /**
   * Waits until `count` frames other than silence have been heard since the join, and returns them. It has no time limit, and
   * can be interrupted. Fails with `NotInVoice` if the participant leaves or is removed before. Dies when the scope in which it
   * joined closes, or the emulator.
   */
  readonly awaitFrames: (count: number) => Effect.Effect<ReadonlyArray<HeardFrame>, EmulatorError>
  /**
   * Waits until what the participant says reaches a user (a name or an id): the user is in its channel with UDP, not deaf, in
   * the same end-to-end encrypted group, and has sent Speaking if the profile's `audioToUnannounced` is "withhold". A bot that
   * attaches its handler later than that still misses the beginning. It has no time limit, and can be interrupted. Fails with
   * `UnknownName`, and with `NotInVoice` if the participant has left or was removed.
   */
  readonly awaitHeardBy: (user: string) => Effect.Effect<void, EmulatorError>
  /**
   * Sends Opus packets at their media time, after what the participant is still saying, and returns when the last one was sent.
   * Fails with `NotInVoice` if the participant is on no voice server, and as soon as it leaves, is removed or (without
   * `throughMoves`) it or its voice server is moved before the end, and when the emulator closes. Interruption stops the
   * waiting, not the speaking.
   */
  readonly speak: (frames: ReadonlyArray<SpokenFrame>, options?: SpeakOptions) => Effect.Effect<void, EmulatorError>
  /** Sends Speaking (op 5) with these flags to the others: 1 microphone, 2 soundshare, 4 priority; 0 for none. */
  readonly setSpeaking: (flags: number) => Effect.Effect<void>
  /**
   * Changes whether the participant shows itself as muted, deaf, or with video or streaming. A flag that is left out keeps its
   * value. It can still speak, and hears nothing while it is deaf.
   */
  readonly setSelf: (flags: Scripted.SelfFlags) => Effect.Effect<void>
  /**
   * Changes what the voice gateway reports about its client: `flags` (op 18; 1 clips, 2 voice recording, 4 clips by viewers)
   * and `platform` (op 20; 0 desktop, 1 mobile, 2 Xbox, 3 PlayStation). Both are 0 at first. A value that is left out stays as
   * it is.
   */
  readonly setClient: (client: {
    readonly flags?: number | null
    readonly platform?: number | null
  }) => Effect.Effect<void>
  /**
   * The end-to-end encrypted group of its channel as the participant knows it: `version` of the DAVE protocol, `epoch`,
   * `privacyCode` (30 digits, the same for all members in the same epoch) and `members`. `undefined` while it is in no group,
   * or if the channel is not encrypted.
   */
  readonly e2ee: Effect.Effect<Membership | undefined>
  /**
   * The 45 digits with which the participant and another user (a name or an id) can compare their keys, the same on both sides;
   * `undefined` if they are not in one group. Fails with `UnknownName`. It takes a moment of real time.
   */
  readonly verificationCode: (user: string) => Effect.Effect<string | undefined, EmulatorError>
  /** The number of frames it could not decrypt so far, by cause: `no-group`, `unencrypted`, `not-a-member`, `no-key`. */
  readonly undecryptable: Effect.Effect<ReadonlyMap<Undecryptable, number>>
  /**
   * Sets its misbehavior in the end-to-end encrypted group from now on, replacing earlier settings; `{}` makes it behave again.
   * It persists through moves and removals.
   */
  readonly misbehave: (how: Misbehaviour) => Effect.Effect<void>
  /**
   * Marks the participant as interested in a scheduled event of its guilds, by name or id, or with `false` as no longer
   * interested. Fails with `NothingToDo` if there is no such event that has not ended, or if nothing would change.
   */
  readonly subscribe: (event: string, isInterested?: boolean) => Effect.Effect<void, EmulatorError>
  /** Leaves the channel. It can be run more than once. */
  readonly leave: Effect.Effect<void>
}

/** How often to check for somebody's arrival, in milliseconds. */
const lookMs = 10

/**
 * Wraps a participant of the core. `find` looks up users by name, `findGuild` guilds.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(
  function*(
    driver: Driver,
    { guildId, user }: { readonly user: string; readonly guildId: GuildId },
    enter: Effect.Effect<Scripted.Participant, EmulatorError>,
    find: (user: string) => Effect.Effect<{ readonly id: UserId }, EmulatorError>,
    findGuild: (guild: string) => Effect.Effect<{ readonly id: GuildId }, EmulatorError>
  ): Effect.fn.Return<Participant, EmulatorError, Scope.Scope> {
    const notInVoice = (detail: string) => makeError(new NotInVoice({ user, detail }))
    const cut = Effect.fail(notInVoice("the user left, was removed or was moved while speaking"))
    /**
     * Each succeeds with the number of frames that were spoken if the speech is to continue elsewhere, and with nothing at its
     * end.
     */
    const speeches = new Set<Deferred.Deferred<number | undefined, EmulatorError>>()
    const frames = Tally.make(driver)
    const gone = yield* Deferred.make<never, EmulatorError>()
    const scripted = yield* Effect.acquireRelease(
      enter,
      (participant) =>
        Effect.sync(() => {
          // before the leaving, so that this is the error that waiting fibers get
          frames.end(() => `"${user}" has left, and no longer hears anything.`)
          driver.run(() => participant.leave())
          // The emulator and everyone in it may have ended before.
          for (const speech of speeches) Deferred.doneUnsafe(speech, cut)
        })
    )
    const heard: Array<HeardFrame> = []
    const reports: Array<HeardReport> = []
    const voiced: Array<HeardFrame> = []

    yield* driver.call(() =>
      scripted.onHeard((frame) => {
        heard.push(frame)
        if (frame.silence) return
        voiced.push(frame)
        frames.add()
      })
    )
    yield* driver.call(() =>
      scripted.onGone(() =>
        void Deferred.doneUnsafe(
          gone,
          Effect.fail(notInVoice("the user left or was removed, and no longer hears anything"))
        )
      )
    )
    yield* driver.call(() => scripted.onReport((report) => void reports.push(report)))

    const { userId } = scripted
    const effects = yield* Effects.make(driver, { user, userId, guildId }, scripted, Deferred.await(gone), findGuild)

    const say = Effect.fnUntraced(function*(frames: ReadonlyArray<SpokenFrame>, options: SpeakOptions) {
      const speech = yield* Deferred.make<number | undefined, EmulatorError>()
      const isHeard = yield* driver.call(() => {
        if (scripted.ssrc === 0) return false
        scripted.speak(frames, {
          ...options,
          onDone: () => void Deferred.doneUnsafe(speech, Effect.undefined),
          onCut: (said) => void Deferred.doneUnsafe(speech, options.throughMoves === true ? Effect.succeed(said) : cut)
        })
        return true
      })
      if (!isHeard) return yield* notInVoice("the user is on no voice server, so nobody can hear it")
      speeches.add(speech)
      return yield* Deferred.await(speech).pipe(
        Effect.raceFirst(Effect.andThen(driver.closed, Effect.fail(notInVoice("the emulator has closed")))),
        Effect.ensuring(Effect.sync(() => speeches.delete(speech)))
      )
    })

    return {
      ...effects,
      userId,
      ssrc: driver.call(() => scripted.ssrc),
      heard: Effect.sync(() => heard.slice()),
      senderReports: Effect.sync(() => reports.slice()),
      awaitFrames: (count) =>
        Effect.map(Effect.raceFirst(frames.reach(count), Deferred.await(gone)), () => voiced.slice(0, count)),
      awaitHeardBy: Effect.fnUntraced(function*(other: string) {
        const { id } = yield* find(other)
        const arrival = Effect.gen(function*() {
          while (!(yield* driver.call(() => scripted.reaches(id)))) yield* Effect.sleep(lookMs)
        })
        yield* Effect.raceAllFirst([
          arrival,
          Deferred.await(gone),
          Effect.andThen(driver.closed, Effect.fail(notInVoice("the emulator has closed")))
        ])
      }),
      speak: Effect.fnUntraced(function*(frames: ReadonlyArray<SpokenFrame>, options: SpeakOptions = {}) {
        let rest = frames
        while (true) {
          const said = yield* say(rest, options)
          if (said === undefined) return
          rest = rest.slice(said)
          while ((yield* driver.call(() => scripted.ssrc)) === 0) {
            if ((yield* driver.call(() => scripted.channelId)) === undefined) return yield* cut
            yield* Effect.sleep(lookMs)
          }
        }
      }),
      setSpeaking: (flags) => driver.call(() => scripted.setSpeaking(flags)),
      setSelf: (flags) => driver.call(() => scripted.setSelf(flags)),
      setClient: (client) => driver.call(() => scripted.setClient(client)),
      e2ee: driver.call(() => scripted.membership()),
      verificationCode: Effect.fnUntraced(function*(other: string) {
        const { id } = yield* find(other)
        return yield* Effect.promise(() => scripted.verificationCode(id))
      }),
      undecryptable: driver.call(() => scripted.undecryptable()),
      misbehave: (how) => driver.call(() => scripted.misbehave(how)),
      subscribe: (event, isInterested = true) =>
        Effect.flatMap(
          driver.call((core) => core.subscribe(userId, event, isInterested)),
          (done) =>
            done ? Effect.void : Effect.fail(makeError(
              new NothingToDo({
                action: "subscribe",
                target: event,
                detail: "there is no such upcoming event, or the user is already in that state"
              })
            ))
        ),
      leave: driver.call(() => scripted.leave())
    }
  }
)
