/**
 * A scripted participant as a program holds it: a member of a channel that has no socket, speaks what it is given and
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
  /** Flags of Speaking (op 5): 1 microphone, 2 soundshare, 4 priority. Default 1. */
  readonly speaking?: number | undefined
  /** Whether five frames of silence follow. Default true. */
  readonly trailingSilence?: boolean | undefined
  /** Whether it goes on with the rest where it is on a voice server again, after a move of its own or of the server. Default false. */
  readonly throughMoves?: boolean | undefined
}

/**
 * A scripted participant. It leaves when the scope closes in which it joined.
 *
 * @category models
 * @since 0.1.0
 */
export interface Participant extends Effects.Effects {
  readonly userId: UserId
  /** Its SSRC at the moment: another one after a move, 0 while it is on no voice server. */
  readonly ssrc: Effect.Effect<number>
  /** Everything heard so far, frames of silence too, in the order of arrival. What cannot be decrypted is not heard. */
  readonly heard: Effect.Effect<ReadonlyArray<HeardFrame>>
  /** The sender reports (RTCP) that came so far. */
  readonly senderReports: Effect.Effect<ReadonlyArray<HeardReport>>
  /**
   * Waits until `count` frames have been heard that are not silence, counted from the join on, and gives these. It has no
   * deadline of its own; it can be interrupted. Fails with `NotInVoice` when it has left or was removed before; dies when the scope
   * closes in which it joined, or the emulator.
   */
  readonly awaitFrames: (count: number) => Effect.Effect<ReadonlyArray<HeardFrame>, EmulatorError>
  /**
   * Waits until what it says reaches a user (a name or an id): who is in its channel with UDP, not deaf, in the same end-to-end
   * encrypted group, and has said Speaking where the profile's `audioToUnannounced` is "withhold". A bot whose handler is there later than that misses the beginning all the same. It has no deadline of
   * its own; it can be interrupted. Fails with `UnknownName`, and with `NotInVoice` when it has left or was removed.
   */
  readonly awaitHeardBy: (user: string) => Effect.Effect<void, EmulatorError>
  /**
   * Sends Opus packets at their media time, after what it is still saying, and returns when the last one was sent. Fails
   * with `NotInVoice` if it is on no voice server, and as soon as it leaves, is removed or (unless `throughMoves`) is moved, or its
   * voice server is, before the end; when the emulator closes, too. Interruption stops the waiting, not the speaking.
   */
  readonly speak: (frames: ReadonlyArray<SpokenFrame>, options?: SpeakOptions) => Effect.Effect<void, EmulatorError>
  /** Sends Speaking (op 5) with these flags to the others: 1 microphone, 2 soundshare, 4 priority; 0 none. */
  readonly setSpeaking: (flags: number) => Effect.Effect<void>
  /**
   * Shows itself as muted, deaf, with video or streaming; what is left out stays as it is. It can speak as before, and hears
   * nothing while it is deaf.
   */
  readonly setSelf: (flags: Scripted.SelfFlags) => Effect.Effect<void>
  /**
   * Lets the voice gateway tell of its client: `flags` (op 18; 1 clips, 2 voice recording, 4 clips by viewers) and `platform` (op
   * 20; 0 desktop, 1 mobile, 2 Xbox, 3 PlayStation), both 0 at first. What is left out stays as it is.
   */
  readonly setClient: (client: {
    readonly flags?: number | null
    readonly platform?: number | null
  }) => Effect.Effect<void>
  /**
   * The end-to-end encrypted group of its channel as it knows it: `version` of the DAVE protocol, `epoch`, `privacyCode` (30
   * digits, the same for all who are in the same epoch) and `members`. `undefined` while it is in no group, or the channel
   * is not encrypted.
   */
  readonly e2ee: Effect.Effect<Membership | undefined>
  /**
   * The 45 digits by which it and another user can compare their keys, the same on both sides; `undefined` if they are not
   * in one group. A name or an id; fails with `UnknownName`. It takes a moment of the machine's own time.
   */
  readonly verificationCode: (user: string) => Effect.Effect<string | undefined, EmulatorError>
  /** How many frames it could not decrypt so far, by cause: `no-group`, `unencrypted`, `not-a-member`, `no-key`. */
  readonly undecryptable: Effect.Effect<ReadonlyMap<Undecryptable, number>>
  /**
   * Does these things wrong in the end-to-end encrypted group from now on, and nothing else; `{}` lets it behave again.
   * Moves and removals do not change that.
   */
  readonly misbehave: (how: Misbehaviour) => Effect.Effect<void>
  /**
   * Is interested in a scheduled event of its guilds, by its name or id, or, with `false`, no longer. Fails with `NothingToDo` if there is
   * none that has not ended, or that is so already.
   */
  readonly subscribe: (event: string, isInterested?: boolean) => Effect.Effect<void, EmulatorError>
  /** Leaves the channel. Leaving twice is harmless. */
  readonly leave: Effect.Effect<void>
}

/** How often one who waits for somebody's arrival looks, in milliseconds. */
const lookMs = 10

/**
 * Wraps a participant of the core. `find` knows the names of users, and `findGuild` those of guilds.
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
    const cut = Effect.fail(notInVoice("it left, was removed or was moved while it was speaking"))
    /** Gives how many frames were said where it is to go on, and nothing at its end. */
    const speeches = new Set<Deferred.Deferred<number | undefined, EmulatorError>>()
    const frames = Tally.make(driver)
    const gone = yield* Deferred.make<never, EmulatorError>()
    const scripted = yield* Effect.acquireRelease(
      enter,
      (participant) =>
        Effect.sync(() => {
          // ahead of the leaving, so that this is what whoever waits hears of
          frames.end(() => `"${user}" has left, and hears nothing any more.`)
          driver.run(() => participant.leave())
          // The emulator may have ended before, and everyone in it.
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
        void Deferred.doneUnsafe(gone, Effect.fail(notInVoice("it left or was removed, and hears nothing any more")))
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
      if (!isHeard) return yield* notInVoice("it is on no voice server, so nobody can hear it")
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
                detail: "there is no such event ahead, or it is so already"
              })
            ))
        ),
      leave: driver.call(() => scripted.leave())
    }
  }
)
