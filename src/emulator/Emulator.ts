/**
 * Discord in a scope: main gateway, REST, voice gateways and UDP relay for programs and tests that need no account, no
 * token and no network. {@link layer} listens on loopback for any client; {@link layerMemory} stays in memory and follows
 * Effect's `Clock`, so that a test on the `TestClock` sees minutes pass in milliseconds.
 *
 * There is a world from the start: the guild "guild" with the channels "lobby" (voice), "secure" (voice that demands
 * end-to-end encryption whatever the profile says of others, as that of today does) and "stage", and the bot "bot". Names are
 * handles: wherever a guild, channel or user is asked for, its name or its id will do.
 *
 * @example
 * ```ts
 * import { assert, it } from "@effect/vitest"
 * import { Effect } from "effect"
 * import { Emulator } from "effect-discord-voice/emulator"
 * import { TestClock } from "effect/testing"
 *
 * const frames = Array.from({ length: 50 }, (_, i) => ({ data: Uint8Array.of(0xfc, i), samples: 960 }))
 *
 * it.effect("a guest speaks to another", () =>
 *   Effect.gen(function*() {
 *     const discord = yield* Emulator.Emulator
 *     const speaker = yield* discord.join({ user: "speaker", channel: "lobby" })
 *     const listener = yield* discord.join({ user: "listener", channel: "lobby" })
 *     yield* Effect.forkScoped(speaker.speak(frames))
 *     yield* discord.settle
 *     yield* TestClock.adjust("1 second")
 *     assert.lengthOf(yield* listener.awaitFrames(50), 50)
 *     assert.deepStrictEqual(yield* discord.violations, [])
 *   }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory())))
 * ```
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as AudioClock from "../AudioClock.ts"
import * as Gateway from "../Gateway.ts"
import type { ChannelId, GuildId, UserId } from "../protocol/Identifier.ts"
import * as Transport from "../Transport.ts"
import * as Voice from "../Voice.ts"
import type { VoiceError } from "../VoiceError.ts"
import type * as Core from "./core/Core.ts"
import type { Verdict } from "./core/CoreContext.ts"
import type { Choice } from "./core/interactions/Choices.ts"
import * as Profile from "./core/Profile.ts"
import type { ClientOptions, EmulatorOptions, LoopbackOptions, MemoryOptions, Urls } from "./Options.ts"
import * as Chat from "./shell/Chat.ts"
import * as Command from "./shell/Command.ts"
import { EmulatorError, InvalidOption, make as makeError } from "./shell/EmulatorError.ts"
import * as FaultOptions from "./shell/FaultOptions.ts"
import * as Faults from "./shell/Faults.ts"
import * as Loopback from "./shell/Loopback.ts"
import * as Memory from "./shell/Memory.ts"
import {
  type ChannelOptions,
  type JoinOptions,
  make as makeWorld,
  type RoleOptions,
  type SoundboardOptions,
  type User,
  type UserOptions,
  type WorldOptions
} from "./shell/NamedWorld.ts"
import type { Participant } from "./shell/Participant.ts"
import * as RestFetch from "./shell/RestFetch.ts"
import type { Shell, ShellOptions } from "./shell/Shell.ts"

export type { Happening, RestRequest, RestResponse, Snapshot, VoiceEffect } from "./core/Core.ts"
export type { Address, Fault, FaultAction, FaultPoint, FaultSubject, Verdict } from "./core/CoreContext.ts"
export type { Misbehaviour } from "./core/dave/Misbehaviour.ts"
export type { Membership, Undecryptable } from "./core/dave/Seat.ts"
export type { DatagramFaults, What, When } from "./core/faults/FaultRules.ts"
export type { Choice } from "./core/interactions/Choices.ts"
export type { Modal } from "./core/interactions/Modal.ts"
export type { Attachment } from "./core/messages/Attachments.ts"
export type { AudioOptions, HeardFrame, HeardReport, SpokenFrame } from "./core/voice/VoiceHalf.ts"
export type { ClientOptions, EmulatorOptions, LoopbackOptions, MemoryOptions, Urls } from "./Options.ts"
export type { Chat, ChatMessage, DirectOptions } from "./shell/Chat.ts"
export type {
  AwaitCommandOptions,
  Command,
  CommandOptions,
  FileOptions,
  MenuOptions,
  ModalValues,
  Reply,
  SuggestOptions
} from "./shell/Command.ts"
export type { EmojiOptions, SoundOptions } from "./shell/Effects.ts"
export type { PlayedStep, Playing } from "./shell/FaultPlayer.ts"
export type { FaultRule } from "./shell/FaultRule.ts"
export type { Faults, InGuild } from "./shell/Faults.ts"
export type { Ports } from "./shell/Loopback.ts"
export type {
  ChannelOptions,
  JoinOptions,
  RoleOptions,
  SoundboardOptions,
  User,
  UserOptions,
  WorldOptions
} from "./shell/NamedWorld.ts"
export type { NetworkOptions } from "./shell/Network.ts"
export type { Participant, SpeakOptions } from "./shell/Participant.ts"
export { EmulatorError }

/**
 * A running emulator.
 *
 * @category services
 * @since 0.1.0
 */
export class Emulator extends Context.Service<Emulator, {
  readonly urls: Urls
  /** A guild. Fails with `NameTaken` or `InvalidOption`. */
  readonly createGuild: (
    options: { readonly name: string; readonly id?: string | undefined }
  ) => Effect.Effect<GuildId, EmulatorError>
  /** A channel, of "guild" unless another one is named. Fails as `createGuild`, and with `UnknownName` for guild and category. */
  readonly createChannel: (options: ChannelOptions) => Effect.Effect<ChannelId, EmulatorError>
  /** A role, by whose id bots know it. Fails with `UnknownName` for its guild. */
  readonly createRole: (options: RoleOptions) => Effect.Effect<string, EmulatorError>
  /**
   * A sound on the soundboard of a guild, which participants send by its name, and bots by the id that comes back. Fails with
   * `InvalidOption` where Discord would refuse it, and with `UnknownName` for its guild.
   */
  readonly createSound: (options: SoundboardOptions) => Effect.Effect<string, EmulatorError>
  /** A member of every guild. Fails as `createGuild`. */
  readonly createUser: (options: UserOptions) => Effect.Effect<User, EmulatorError>
  /** The id behind a name. Fails with `UnknownName`, like the other two. */
  readonly guild: (name: string) => Effect.Effect<GuildId, EmulatorError>
  readonly channel: (name: string) => Effect.Effect<ChannelId, EmulatorError>
  readonly user: (name: string) => Effect.Effect<User, EmulatorError>
  /**
   * Lets a scripted participant join a channel until the scope closes. A user who is not known is created. Fails with
   * `UnknownName`, with `InvalidOption` for an empty name, and with `NotJoinable`, among others for "bot" and for everybody as
   * whom a client has logged in.
   */
  readonly join: (options: JoinOptions) => Effect.Effect<Participant, EmulatorError, Scope.Scope>
  /**
   * The voice privacy code of every scripted participant in a channel, by user id; `undefined` for one that is in no end-to-end
   * encrypted group. All have the same code when all are in the same epoch: that there is one value, and which, is what to
   * assert. Fails with `UnknownName`.
   */
  readonly privacyCodes: (
    channel: string
  ) => Effect.Effect<ReadonlyMap<UserId, string | undefined>, EmulatorError>
  /** What clients did that Discord would close or drop, in order. Of these and of advice together the first ten thousand are kept. */
  readonly violations: Effect.Effect<ReadonlyArray<Verdict>>
  /** What clients did that Discord tolerates, but a careful client would not do, in order. */
  readonly advice: Effect.Effect<ReadonlyArray<Verdict>>
  /** Everything else that was counted, by name: hostile input and the work of faults among it. */
  readonly counters: Effect.Effect<ReadonlyMap<string, number>>
  /**
   * What happens from now on, in order: verdicts, logins, who joins, moves and leaves, voice connections, channels that come and go, and
   * who sends sounds and emoji. It ends when the emulator closes. A reader that is 4096 behind loses the oldest.
   */
  readonly happenings: Stream.Stream<Core.Happening>
  readonly faults: Faults.Faults
  /**
   * Somebody types a slash command of a bot that is logged in, and sees what it says. Where the bot has registered its commands, what
   * Discord would not let anybody send fails with `CommandFailed`: unknown commands, missing options, options of another type or out
   * of their limits.
   */
  readonly command: (options: Command.CommandOptions) => Effect.Effect<Command.Command, EmulatorError>
  /**
   * Waits until the bot is logged in and has registered a command of this name, so that somebody finds it. A test calls it before the
   * first command: most bots register theirs some time after they have logged in. Fails with `CommandFailed` where it does not come in
   * time, and says what the bot has instead. In memory somebody else has to move the `TestClock` meanwhile.
   */
  readonly awaitCommand: (options: Command.AwaitCommandOptions) => Effect.Effect<void, EmulatorError>
  /**
   * Somebody chooses a command of the bot in the context menu of a user or of a message, and sees what it says. Fails with
   * `CommandFailed` as `command` does, and where there is no such message.
   */
  readonly menu: (options: Command.MenuOptions) => Effect.Effect<Command.Command, EmulatorError>
  /**
   * What the bot suggests to somebody who has typed so much of an option (autocompletion). Fails with `CommandFailed` for an option that
   * was registered without it, and when the bot has not suggested anything within three seconds.
   */
  readonly suggest: (options: Command.SuggestOptions) => Effect.Effect<ReadonlyArray<Choice>, EmulatorError>
  /** A text channel, or the text of a voice channel, "lobby" unless another is named. Fails with `UnknownName`. */
  readonly chat: (channel?: string) => Effect.Effect<Chat.Chat, EmulatorError>
  /** The direct messages between a user and a bot, "guest" and "bot" unless others are named, whoever opens them. */
  readonly direct: (options?: Chat.DirectOptions) => Effect.Effect<Chat.Chat, EmulatorError>
  /**
   * In memory: waits until nothing moves any more without the clock. A test calls it between forking a client and moving
   * the `TestClock`, which would otherwise overtake the first messages; `join` and the faults do it by themselves.
   * On loopback it returns at once.
   */
  readonly settle: Effect.Effect<void>
  /** Calls the REST API without a socket. */
  readonly rest: (request: Core.RestRequest) => Effect.Effect<Core.RestResponse>
  /**
   * The REST API as a `fetch`, without a socket, for a bot that takes its `fetch` from outside: in memory nothing else leads there. What
   * it waits for, it waits for on Effect's `Clock`. Only path and query of a URL count.
   */
  readonly fetch: typeof globalThis.fetch
  /** The world at this moment, as plain data. */
  readonly snapshot: Effect.Effect<Core.Snapshot>
  /** The way to the emulator: the memory transports, or those of the machine, which then trust its certificate. */
  readonly transport: Layer.Layer<Transport.WebSocketTransport | Transport.DatagramTransport>
  /** Our own gateway client, logged in as this user; one who is not known is created as a bot. */
  readonly layerGateway: (
    user: string,
    options?: ClientOptions
  ) => Layer.Layer<Gateway.Gateway | Gateway.Dispatches | Gateway.Rest, VoiceError>
  /**
   * All that a program with a `VoiceSession` needs, as this user: the gateway of {@link layerGateway}, and voice over
   * `transport`. In memory its beat follows Effect's `Clock`, as everything else does.
   */
  readonly layerVoice: (
    user: string,
    options?: ClientOptions
  ) => Layer.Layer<Gateway.Gateway | Gateway.Dispatches | Gateway.Rest | Voice.Voice, VoiceError>
}>()("effect-discord-voice/emulator/Emulator") {}

const shellOptions = Effect.fnUntraced(function*(options: EmulatorOptions) {
  const { profile = "today", seed = 1, tls = false, voiceServers: regions = ["one", "two"] } = options
  if (regions.length === 0) {
    return yield* makeError(new InvalidOption({ option: "voiceServers", detail: "at least one is needed" }))
  }
  if (new Set(regions).size < regions.length) {
    return yield* makeError(new InvalidOption({ option: "voiceServers", detail: "each needs a region of its own" }))
  }
  yield* FaultOptions.check(...FaultOptions.network(options.network))
  const known = { today: Profile.today, 2022: Profile.year2022 }
  const result: ShellOptions = { profile: typeof profile === "string" ? known[profile] : profile, seed, tls, regions }
  return result
})

const happeningsKept = 4096

const makeEmulator = Effect.fnUntraced(function*(
  shell: Shell,
  transport: Emulator["Service"]["transport"],
  beat: Layer.Layer<AudioClock.AudioClock>,
  world: WorldOptions
) {
  const { driver } = shell
  const named = yield* makeWorld(shell, world)
  const { channels, guilds, userOrNew, users } = named
  const faults = Faults.make(shell, { users, channels, guilds })
  const keyboard = Command.make(shell, { userOrNew, users, channels })

  const verdicts = (severity: Verdict["severity"]) =>
    driver.call((core) => core.verdicts().filter((verdict) => verdict.severity === severity))

  const fetch = yield* RestFetch.make(driver)

  // A user that does not exist is created without an id of its own choice: nothing there can fail.
  const layerGateway: Emulator["Service"]["layerGateway"] = (name, options) =>
    Layer.unwrap(
      Effect.map(
        Effect.orDie(userOrNew({ name, bot: true })),
        ({ token }) => Gateway.layer({ ...options, token, url: shell.gateway, restUrl: shell.rest, fetch })
      )
    ).pipe(Layer.provide(transport))

  return Emulator.of({
    urls: {
      gateway: shell.gateway,
      rest: shell.rest,
      cert: shell.certificate,
      voice: shell.voice.map(({ endpoint, region, udp }) => ({ endpoint, region, udp }))
    },
    createGuild: named.createGuild,
    createChannel: named.createChannel,
    createRole: named.createRole,
    createSound: named.createSound,
    createUser: named.createUser,
    guild: (name) => Effect.map(guilds.find(name), ({ id }) => id),
    channel: (name) => Effect.map(channels.find(name), ({ id }) => id),
    user: users.find,
    join: named.join,
    privacyCodes: named.privacyCodes,
    violations: verdicts("violation"),
    advice: verdicts("advice"),
    happenings: Stream.callback((queue) =>
      Effect.acquireRelease(
        driver.call((core) => core.observe((happening) => Queue.offerUnsafe(queue, happening))),
        (stop) => Effect.sync(stop)
      ).pipe(Effect.andThen(Effect.forkScoped(Effect.andThen(driver.closed, Queue.end(queue))))), {
      bufferSize: happeningsKept,
      strategy: "sliding"
    }),
    counters: driver.call((core) => new Map([...core.counters(), ...shell.counters()])),
    faults,
    command: keyboard.command,
    awaitCommand: keyboard.awaitCommand,
    menu: keyboard.menu,
    suggest: keyboard.suggest,
    ...Chat.make(shell, { userOrNew, users, channels }, keyboard.follow),
    settle: shell.settle("last"),
    rest: (request) => driver.call((core) => core.rest(request)),
    fetch,
    snapshot: driver.call((core) => core.snapshot()),
    transport,
    layerGateway,
    layerVoice: (name, options) =>
      Layer.merge(
        layerGateway(name, options),
        Voice.layerNoDeps.pipe(Layer.provide(transport), Layer.provideMerge(beat))
      )
  })
})

/**
 * The emulator on 127.0.0.1, for any client, at free ports unless told otherwise. Everything closes with the layer. Fails
 * with the reasons `ListenFailed`, `CertificateFailed`, `InvalidOption` and, for a world of one's own, `NameTaken` and
 * `UnknownName`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: LoopbackOptions = {}): Layer.Layer<Emulator, EmulatorError> =>
  Layer.effect(
    Emulator,
    Effect.gen(function*() {
      const shell = yield* Loopback.make({
        ...yield* shellOptions(options),
        ports: options.ports ?? {},
        network: options.network
      })
      const transport = shell.certificate === undefined
        ? Transport.layer
        : Layer.mergeAll(Transport.layerWebSocketWith({ ca: shell.certificate }), Transport.layerDatagram)
      return yield* makeEmulator(shell, transport, AudioClock.layer, options.world ?? {})
    })
  )

/**
 * The emulator without sockets, on Effect's `Clock`. Its transports keep the rules of the real ones. Fails with the
 * reasons `InvalidOption`, `NameTaken` and `UnknownName`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerMemory = (options: MemoryOptions = {}): Layer.Layer<Emulator, EmulatorError> =>
  Layer.effect(
    Emulator,
    Effect.gen(function*() {
      const shell = yield* Memory.make({ ...yield* shellOptions(options), network: options.network ?? {} })
      return yield* makeEmulator(
        shell,
        Layer.succeedContext(shell.transport),
        AudioClock.layerEffectClock,
        options.world ?? {}
      )
    })
  )
