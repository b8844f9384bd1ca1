/**
 * What a session is to its user: everything that can be asked of it, over the parts that do it.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Accessors from "../audio/Accessors.ts"
import type { AudioSource } from "../audio/AudioSource.ts"
import type * as Track from "../audio/Track.ts"
import type { SentFrame } from "../driver/media/Tap.ts"
import type * as Gateway from "../Gateway.ts"
import type { EncoderSettings } from "../OpusEncoder.ts"
import type { ChannelId, GuildId, UserId } from "../protocol/Identifier.ts"
import type { Member } from "../receive/Member.ts"
import * as Receive from "../receive/Receive.ts"
import type * as VoiceDriver from "../VoiceDriver.ts"
import * as VoiceError from "../VoiceError.ts"
import type { Event } from "./Event.ts"
import { Lazy } from "./Lazy.ts"
import type { Lifetime } from "./Lifetime.ts"
import * as Members from "./Members.ts"
import type * as Parts from "./Parts.ts"
import type * as Playing from "./Playing.ts"
import type * as Restrictions from "./Restrictions.ts"
import type { State } from "./State.ts"

/**
 * A joined voice channel. It ends when the scope it was joined in closes, or when it is lost for good. After that `play`, `move` and
 * what sets something fail with `NotConnected`.
 *
 * @category models
 * @since 0.1.0
 */
export interface VoiceSession {
  readonly guildId: GuildId
  /** The channel that we are in, or on the way to. */
  readonly channelId: Effect.Effect<ChannelId>
  readonly userId: UserId
  readonly state: Effect.Effect<State>
  /** The state now and each one after it; ends behind `Closed`. */
  readonly changes: Stream.Stream<State>
  /**
   * Opens a source and plays it, beside whatever else plays. One Opus track at gain 1 is passed through untouched; anything
   * else is mixed and encoded. Fails with `SourceFailed` when it cannot be opened, with `CodecUnavailable` when it cannot be
   * mixed, with `Unsupported` for a gain, time, share to duck to or number of loops that is none, and with `NotConnected` after the
   * session's end, or the reason of an end that comes while the source is being opened.
   */
  readonly play: <R>(
    source: AudioSource<R>,
    options?: Playing.PlayOptions
  ) => Effect.Effect<Track.Track, VoiceError.VoiceError, R>
  /** The tracks that have not ended, in the order in which they were played. */
  readonly tracks: Effect.Effect<ReadonlyArray<Track.Track>>
  /**
   * Stops all tracks within one frame, and tells how much of each was heard: for agents that are spoken over. They end
   * `Stopped`, also those that wait for others, and those whose sources are being opened: `play` gives these back at once. It gives
   * when the driver has come to it, where that is in another thread, and waits half a second at most.
   */
  readonly interrupt: Effect.Effect<ReadonlyArray<Playing.Interrupted>>
  /**
   * The same for some tracks: the others go on as if those had not been there. What is mixed ahead is made anew, so that they are
   * silent within two frames, without a click. It gives when they are, where anything of it is done in another thread.
   */
  readonly cut: (tracks: Iterable<Track.Track>) => Effect.Effect<ReadonlyArray<Playing.Interrupted>>
  /**
   * Changes how what is mixed is encoded, from the next frame on that is made (120 ms ahead of its time, unless the mixer's
   * layer says otherwise); tracks that are passed through are what they are. Fails with `Unsupported` for what is out of range.
   */
  readonly setEncoder: (settings: EncoderSettings) => Effect.Effect<void, VoiceError.VoiceError>
  /**
   * Goes to another channel of the guild, and waits until audio flows there; tracks go on where they were. Fails with
   * `NotAdmitted` or `JoinTimedOut`: we stay where we are if Discord does not let us in; once it has (`missing: "connection"`
   * or "endpoint"), the session goes on to the other channel. Moves that overlap happen one after another.
   */
  readonly move: (channelId: ChannelId) => Effect.Effect<void, VoiceError.VoiceError>
  /**
   * The speaking flags shown to others (op 5). `microphone` is on unless it is set to false. While there is no
   * connection, they are shown with the next one.
   */
  readonly setSpeaking: (flags: {
    readonly microphone?: boolean | undefined
    readonly soundshare?: boolean | undefined
    readonly priority?: boolean | undefined
  }) => Effect.Effect<void, VoiceError.VoiceError>
  /**
   * Changes our own mute and deaf flags; what is left out stays as it is. While there is no connection, Discord hears of it
   * with the next one. Fails as `Gateway.updateVoiceState` does.
   */
  readonly setSelf: (flags: {
    readonly mute?: boolean | undefined
    readonly deaf?: boolean | undefined
  }) => Effect.Effect<void, VoiceError.VoiceError>
  /**
   * Whether a moderator has muted or deafened us, or the channel keeps us silent (the audience of a stage, no permission to
   * speak). What is sent then is heard by nobody, and everything else looks as if it were. An event, `Restricted`, tells of each
   * change, and the log warns.
   */
  readonly restrictions: Effect.Effect<Restrictions.Restrictions>
  /**
   * Asks Discord to let us speak on the stage that we are in, to put us into its audience, or to show that we want to speak.
   * `Restricted` tells what comes of it. Fails with `GatewayFailed` in Discord's words (speaking needs the permission Mute Members, or
   * the invitation of a moderator), and with `Unsupported` where the gateway is another library's, which has a way of its own.
   */
  readonly setStage: (part: Gateway.StagePart) => Effect.Effect<void, VoiceError.VoiceError>
  /** Audio packets of all members; nothing while we are deaf. See `VoiceConnection.packets`. */
  readonly packets: Stream.Stream<VoiceDriver.AudioPacket, VoiceError.VoiceError>
  /** What we send, from now on: each Opus frame when it is. It ends with the session. */
  readonly sent: Stream.Stream<SentFrame>
  /** How many packets slow readers of `packets` have lost. */
  readonly packetsDropped: () => number
  /** What is heard, in order and in step: per user, in ticks of 20 ms, and mixed. */
  readonly receive: Receive.Receive
  /** Who else is in the channel, and what is known of them. An event, `MemberChanged`, tells of who comes, changes and leaves. */
  readonly members: Effect.Effect<ReadonlyMap<UserId, Member>>
  /** The members now, and the newest after each change; ends with the session. */
  readonly memberChanges: Stream.Stream<ReadonlyMap<UserId, Member>>
  /** Who speaks, comes and goes, heartbeats, resumes and moves. See `VoiceConnection.events`. */
  readonly events: Effect.Effect<Stream.Stream<Event>, never, Scope.Scope>
  /**
   * Those of the connection of the moment, with the round trip of the main gateway where it tells one. Fails with
   * `NotConnected` while there is none.
   */
  readonly statistics: Effect.Effect<VoiceDriver.Statistics, VoiceError.VoiceError>
  /**
   * How the call stands with end-to-end encryption: the version (0 is none), and our group with its epoch, voice privacy
   * code and members. An event, `E2eeChanged`, tells of each change. While there is no connection it is version 0.
   */
  readonly e2ee: Effect.Effect<VoiceDriver.E2ee>
  /**
   * The 45 digits that another member sees for us, too, if nobody stands in between. Fails with `E2eeFailed` if the user is
   * not in our group, and with `NotConnected` while there is no connection.
   */
  readonly verificationCode: (userId: UserId) => Effect.Effect<string, VoiceError.VoiceError>
  /**
   * Waits until everything is released: succeeds when we left, fails with the reason of any other end, and dies with what a
   * policy, gateway or driver died with.
   */
  readonly awaitClosed: Effect.Effect<void, VoiceError.VoiceError>
}

const none = Effect.sync(() => [])

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly guildId: GuildId
  readonly gateway: Gateway.Gateway["Service"]
  /** Where the session is, or is going. */
  readonly target: { readonly channelId: ChannelId }
  readonly receive: Receive.Options | undefined
  readonly lifetime: Lifetime
  readonly parts: Parts.Parts
}

/** The functions are values, so that each is the same whenever it is asked for. */
type Known = Pick<
  VoiceSession,
  | "guildId"
  | "userId"
  | "play"
  | "cut"
  | "setEncoder"
  | "move"
  | "setSpeaking"
  | "setSelf"
  | "setStage"
  | "packetsDropped"
  | "verificationCode"
>

const knownOf = ({ gateway, guildId, lifetime, parts, target }: Options): Known => {
  const { conduit, moving, playing, self, userId } = parts
  const live = <A, E, R>(operation: string, effect: () => Effect.Effect<A, E, R>) =>
    lifetime.live(operation, Effect.suspend(effect))
  return {
    guildId,
    userId,
    play: (source, options) =>
      live("Playing", () =>
        playing.get().play(source, options).pipe(
          // the session may have ended while the source was being opened
          Effect.tap(live("Playing", () => Effect.void))
        )),
    cut: (tracks) => Effect.suspend(() => playing.made?.cut(tracks) ?? none),
    setEncoder: (settings) => live("Changing the encoder", () => playing.get().setEncoder(settings)),
    move: (channelId) =>
      live("Moving", () => Effect.andThen(moving.get().move(channelId), live("Moving", () => Effect.void))),
    setSpeaking: ({ microphone = true, priority = false, soundshare = false }) =>
      live("Speaking", () => conduit.setSpeaking((microphone ? 1 : 0) | (soundshare ? 2 : 0) | (priority ? 4 : 0))),
    setSelf: (change) => live("Muting", () => self.set(change)),
    setStage: (part) =>
      live(
        "Changing our part in a stage",
        () =>
          gateway.setStage?.({ guildId, channelId: target.channelId, part }) ?? VoiceError.fail(
            new VoiceError.Unsupported({
              feature: "a part in a stage",
              detail: "the gateway stands on another Discord library, which can be asked for it itself"
            })
          )
      ),
    packetsDropped: () => conduit.packetsDropped(),
    verificationCode: (userId) => conduit.verificationCode(userId)
  }
}

const asked = Symbol("asked")

/** Whom the accessors ask. */
interface Asked {
  readonly [asked]: {
    readonly options: Options
    readonly receive: Lazy<Receive.Receive>
    readonly members: Lazy<Members.Members>
  }
}

/** All else, which is made when it is asked for: few sessions are asked for much. */
const accessors = Accessors.make<Asked, Omit<VoiceSession, keyof Known>>({
  channelId: ({ [asked]: { options: { target } } }) => Effect.sync(() => target.channelId),
  state: ({ [asked]: { options: { lifetime } } }) => Effect.sync(() => lifetime.state()),
  changes: ({ [asked]: { options: { lifetime } } }) => lifetime.changes,
  tracks: ({ [asked]: { options: { parts } } }) => Effect.suspend(() => parts.playing.made?.tracks ?? none),
  interrupt: ({ [asked]: { options: { parts } } }) => Effect.suspend(() => parts.playing.made?.interrupt ?? none),
  restrictions: ({ [asked]: { options: { parts } } }) => Effect.sync(() => parts.whereabouts.now().restrictions),
  packets: ({ [asked]: { options: { parts } } }) => parts.conduit.packets,
  sent: ({ [asked]: { options: { parts } } }) => parts.conduit.sent,
  receive: ({ [asked]: { receive } }) => receive.get(),
  members: ({ [asked]: { members } }) => Effect.suspend(() => members.get().now),
  memberChanges: ({ [asked]: { members } }) => Stream.suspend(() => members.get().changes),
  events: ({ [asked]: { members } }) => Effect.suspend(() => members.get().events),
  statistics: ({ [asked]: { options: { gateway, parts } } }) =>
    Effect.zipWith(
      parts.conduit.statistics,
      gateway.roundTripMs ?? Effect.undefined,
      (statistics, ms) => ms === undefined ? statistics : { ...statistics, gatewayRoundTripMs: ms }
    ),
  e2ee: ({ [asked]: { options: { parts } } }) => parts.conduit.e2ee,
  awaitClosed: ({ [asked]: { options: { lifetime } } }) => lifetime.awaitClosed
})

const prototype = Accessors.printedAs<Asked & Known>(({ guildId, userId, [asked]: { options } }) => {
  const { lifetime, parts, target: { channelId } } = options
  const playing = parts.playing.made
  const tracks = playing === undefined ? [] : Effect.runSync(playing.tracks)
  return {
    _id: "VoiceSession",
    guildId,
    channelId,
    userId,
    state: lifetime.state(),
    restrictions: parts.whereabouts.now().restrictions,
    tracks: tracks.map(({ name }) => name)
  }
})

/**
 * The session of these parts. Its functions fail with `NotConnected` when it is over; what it shows stays.
 *
 * @category constructors
 * @since 0.1.0
 * @internal
 */
export const make = (options: Options): VoiceSession => {
  const { parts: { conduit, listening, presence }, receive } = options
  const members = new Lazy(() => Members.make({ presence, conduit }))
  const value: Asked[typeof asked] = {
    options,
    receive: new Lazy(() =>
      Effect.runSyncWith(listening)(Receive.make(presence, receive, {
        events: Effect.suspend(() => members.get().events),
        members: Effect.suspend(() => members.get().now)
      }))
    ),
    members
  }
  const known = knownOf(options)
  Object.setPrototypeOf(known, prototype)
  const session = Object.defineProperty(known, asked, { value })
  // the compiler does not see what the descriptors add
  return Object.defineProperties(session, accessors) as VoiceSession
}
