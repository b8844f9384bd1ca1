/**
 * The session as its users see it: everything that it offers, over the parts that do the work.
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
 * A joined voice channel. It ends when the scope that it was joined in closes, or when it is permanently lost. After that,
 * `play`, `move` and the functions that change something fail with `NotConnected`.
 *
 * @category models
 * @since 0.1.0
 */
export interface VoiceSession {
  readonly guildId: GuildId
  /** The channel that the bot is in, or on its way to. */
  readonly channelId: Effect.Effect<ChannelId>
  readonly userId: UserId
  readonly state: Effect.Effect<State>
  /** The current state and every later one. Ends after `Closed`. */
  readonly changes: Stream.Stream<State>
  /**
   * Opens a source and plays it alongside whatever else plays. A single Opus track at gain 1 is passed through untouched;
   * anything else is mixed and encoded.
   *
   * Fails with `SourceFailed` if the source cannot be opened, with `CodecUnavailable` if it cannot be mixed, with
   * `Unsupported` for an invalid gain, time, ducking share or number of loops, with `NotConnected` after the session has
   * ended, and with the reason of the end if the session ends while the source is being opened.
   */
  readonly play: <R>(
    source: AudioSource<R>,
    options?: Playing.PlayOptions
  ) => Effect.Effect<Track.Track, VoiceError.VoiceError, R>
  /** The tracks that have not ended, in the order in which they were played. */
  readonly tracks: Effect.Effect<ReadonlyArray<Track.Track>>
  /**
   * Stops all tracks within one frame, and returns how much of each was heard. This is for agents that someone speaks over.
   * The tracks end `Stopped`, including those that wait for others and those whose sources are still being opened; `play`
   * returns the latter at once. If the driver is in another thread, the call returns when the driver has caught up, after
   * half a second at most.
   */
  readonly interrupt: Effect.Effect<ReadonlyArray<Playing.Interrupted>>
  /**
   * Stops some tracks like {@link VoiceSession.interrupt}; the others continue as if these had never been there. Audio that
   * was mixed ahead is mixed again, so that the tracks are silent within two frames, without a click. If any part of this is
   * done in another thread, the call returns when the tracks are silent.
   */
  readonly cut: (tracks: Iterable<Track.Track>) => Effect.Effect<ReadonlyArray<Playing.Interrupted>>
  /**
   * Changes how mixed audio is encoded, starting with the next frame that is made, which is 120 ms ahead of its time unless
   * the mixer's layer says otherwise. Tracks that are passed through are not affected. Fails with `Unsupported` for a value
   * that is out of range.
   */
  readonly setEncoder: (settings: EncoderSettings) => Effect.Effect<void, VoiceError.VoiceError>
  /**
   * Moves to another channel of the guild, and waits until audio flows there; tracks continue where they were. Fails with
   * `NotAdmitted` or `JoinTimedOut`. If Discord does not let the bot in, it stays where it is. Once Discord has let it in
   * (`missing` is "connection" or "endpoint"), the session continues to the other channel. Overlapping moves are made one
   * after another.
   */
  readonly move: (channelId: ChannelId) => Effect.Effect<void, VoiceError.VoiceError>
  /**
   * Sets the speaking flags that others see (op 5). `microphone` is on unless it is set to false. Without a connection, the
   * flags are sent with the next one.
   */
  readonly setSpeaking: (flags: {
    readonly microphone?: boolean | undefined
    readonly soundshare?: boolean | undefined
    readonly priority?: boolean | undefined
  }) => Effect.Effect<void, VoiceError.VoiceError>
  /**
   * Changes the bot's own mute and deaf flags; flags that are left out stay as they are. Without a connection, Discord is
   * told with the next one. Fails as `Gateway.updateVoiceState` does.
   */
  readonly setSelf: (flags: {
    readonly mute?: boolean | undefined
    readonly deaf?: boolean | undefined
  }) => Effect.Effect<void, VoiceError.VoiceError>
  /**
   * Whether a moderator has muted or deafened the bot, or the channel keeps it silent (the audience of a stage, or no
   * permission to speak). In that case nobody hears what is sent, although everything else looks as if they did. Each change
   * is announced by the event `Restricted` and by a warning in the log.
   */
  readonly restrictions: Effect.Effect<Restrictions.Restrictions>
  /**
   * Asks Discord to let the bot speak on the stage that it is in, to move it to the audience, or to show that it wants to
   * speak. `Restricted` announces the outcome. Fails with `GatewayFailed` in Discord's words (speaking needs the permission
   * Mute Members, or a moderator's invitation), and with `Unsupported` if the gateway belongs to another library, which has
   * its own way to do this.
   */
  readonly setStage: (part: Gateway.StagePart) => Effect.Effect<void, VoiceError.VoiceError>
  /** The audio packets of all members; none while the bot is deaf. See `VoiceConnection.packets`. */
  readonly packets: Stream.Stream<VoiceDriver.AudioPacket, VoiceError.VoiceError>
  /** The Opus frames that are sent from now on, each when it is sent. Ends with the session. */
  readonly sent: Stream.Stream<SentFrame>
  /** The number of packets that slow readers of `packets` have lost. */
  readonly packetsDropped: () => number
  /** Received audio, in order and synchronized: per user, in ticks of 20 ms, and mixed. */
  readonly receive: Receive.Receive
  /**
   * The other members of the channel, and what is known of them. The event `MemberChanged` announces who joins, changes and
   * leaves.
   */
  readonly members: Effect.Effect<ReadonlyMap<UserId, Member>>
  /** The current members, and the latest members after each change. Ends with the session. */
  readonly memberChanges: Stream.Stream<ReadonlyMap<UserId, Member>>
  /** Subscribes to events: who speaks, joins and leaves, heartbeats, resumes and moves. See `VoiceConnection.events`. */
  readonly events: Effect.Effect<Stream.Stream<Event>, never, Scope.Scope>
  /**
   * The statistics of the current connection, with the round trip of the main gateway if it reports one. Fails with
   * `NotConnected` while there is no connection.
   */
  readonly statistics: Effect.Effect<VoiceDriver.Statistics, VoiceError.VoiceError>
  /**
   * The state of end-to-end encryption: the version (0 means none), and the bot's group with its epoch, voice privacy code
   * and members. The event `E2eeChanged` announces each change. Without a connection it is version 0.
   */
  readonly e2ee: Effect.Effect<VoiceDriver.E2ee>
  /**
   * The 45 digits that the other member sees for the bot, too, if nobody intercepts the call. Fails with `E2eeFailed` if the
   * user is not in the bot's group, and with `NotConnected` while there is no connection.
   */
  readonly verificationCode: (userId: UserId) => Effect.Effect<string, VoiceError.VoiceError>
  /**
   * Waits until everything is released. Succeeds if the session left, fails with the reason of any other end, and dies with
   * the defect of a policy, gateway or driver that died.
   */
  readonly awaitClosed: Effect.Effect<void, VoiceError.VoiceError>
}

const none = Effect.sync(() => [])

/**
 * The parts that a session is made of.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly guildId: GuildId
  readonly gateway: Gateway.Gateway["Service"]
  /** The channel that the session is in, or on its way to. */
  readonly target: { readonly channelId: ChannelId }
  readonly receive: Receive.Options | undefined
  readonly lifetime: Lifetime
  readonly parts: Parts.Parts
}

/** The members that are plain values, so that each function is the same whenever it is read. */
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
        "Changing the bot's part in a stage",
        () =>
          gateway.setStage?.({ guildId, channelId: target.channelId, part }) ?? VoiceError.fail(
            new VoiceError.Unsupported({
              feature: "changing the bot's part in a stage",
              detail: "the gateway uses another Discord library; change it through that library"
            })
          )
      ),
    packetsDropped: () => conduit.packetsDropped(),
    verificationCode: (userId) => conduit.verificationCode(userId)
  }
}

const asked = Symbol("asked")

/** What the accessors read from. */
interface Asked {
  readonly [asked]: {
    readonly options: Options
    readonly receive: Lazy<Receive.Receive>
    readonly members: Lazy<Members.Members>
  }
}

/** The other members, which are created when they are first read: few sessions use many of them. */
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
 * Builds the session of these parts. Its functions fail with `NotConnected` once it is over; its values stay readable.
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
