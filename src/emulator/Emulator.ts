/**
 * Discord in a scope: main gateway, REST, voice gateways and UDP relay, for programs and tests without an account, a token or a
 * network. {@link layer} listens on loopback for any client. {@link layerMemory} stays in memory and follows Effect's `Clock`,
 * so a test on the `TestClock` passes minutes in milliseconds.
 *
 * The world initially has the guild "guild" with the channels "lobby" (voice), "secure" (voice that requires end-to-end
 * encryption, whatever the profile says; the profile of today requires it everywhere) and "stage", and the bot "bot". Names are
 * handles: wherever a guild, channel or user is expected, you can pass its name or its id.
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
import * as Similar from "./shell/Similar.ts"

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
  /** Creates a guild. Fails with `NameTaken` or `InvalidOption`. */
  readonly createGuild: (
    options: { readonly name: string; readonly id?: string | undefined }
  ) => Effect.Effect<GuildId, EmulatorError>
  /**
   * Creates a channel, in "guild" unless another guild is named. Fails like `createGuild`, and with `UnknownName` for guild and
   * category.
   */
  readonly createChannel: (options: ChannelOptions) => Effect.Effect<ChannelId, EmulatorError>
  /** Creates a role and returns its id, by which bots know it. Fails with `UnknownName` for its guild. */
  readonly createRole: (options: RoleOptions) => Effect.Effect<string, EmulatorError>
  /**
   * Adds a sound to the soundboard of a guild and returns its id. Participants send it by name, bots by id. Fails with
   * `InvalidOption` where Discord would refuse it, and with `UnknownName` for its guild.
   */
  readonly createSound: (options: SoundboardOptions) => Effect.Effect<string, EmulatorError>
  /** Creates a user who is a member of every guild. Fails like `createGuild`. */
  readonly createUser: (options: UserOptions) => Effect.Effect<User, EmulatorError>
  /** Looks up the id of a guild, channel or user by name. Fails with `UnknownName`. */
  readonly guild: (name: string) => Effect.Effect<GuildId, EmulatorError>
  readonly channel: (name: string) => Effect.Effect<ChannelId, EmulatorError>
  readonly user: (name: string) => Effect.Effect<User, EmulatorError>
  /**
   * Joins a channel with a scripted participant, until the scope closes. An unknown user is created. Fails with `UnknownName`,
   * with `InvalidOption` for an empty name, and with `NotJoinable`, for example for "bot", for every user as whom a client has
   * logged in, and for a user who has a participant in voice in the guild already (see `replace`).
   */
  readonly join: (options: JoinOptions) => Effect.Effect<Participant, EmulatorError, Scope.Scope>
  /**
   * The voice privacy code of every scripted participant in a channel, by user id; `undefined` for a participant that is in no
   * end-to-end encrypted group. All participants in the same epoch have the same code, so a test asserts that there is one
   * value, and which. Fails with `UnknownName`.
   */
  readonly privacyCodes: (
    channel: string
  ) => Effect.Effect<ReadonlyMap<UserId, string | undefined>, EmulatorError>
  /**
   * The mistakes of clients that Discord would answer by closing or dropping, in order. The first ten thousand violations and
   * pieces of advice together are kept.
   */
  readonly violations: Effect.Effect<ReadonlyArray<Verdict>>
  /** What clients did that Discord tolerates but a careful client would avoid, in order. */
  readonly advice: Effect.Effect<ReadonlyArray<Verdict>>
  /** Everything else that was counted, by name, including hostile input and the effects of faults. */
  readonly counters: Effect.Effect<ReadonlyMap<string, number>>
  /**
   * What happens from now on, in order: verdicts, logins, members who join, move or leave, voice connections, channels that are
   * created or deleted, and sounds and emoji that are sent. Ends when the emulator closes. A reader that is 4096 events behind
   * loses the oldest ones.
   */
  readonly happenings: Stream.Stream<Core.Happening>
  readonly faults: Faults.Faults
  /**
   * Types a slash command of a bot that is logged in, as a user who sees what the bot answers. If the bot has registered its
   * commands, anything that Discord's client would not send fails with `CommandFailed`: unknown commands, missing options, and
   * options of the wrong type or out of their limits.
   */
  readonly command: (options: Command.CommandOptions) => Effect.Effect<Command.Command, EmulatorError>
  /**
   * Waits until the bot is logged in and has registered a command of this name. Call it before the first command of a test,
   * since most bots register their commands some time after they log in. Fails with `CommandFailed` if the command does not
   * appear in time; the error lists the commands that the bot has. In memory, something else has to advance the `TestClock`
   * meanwhile.
   */
  readonly awaitCommand: (options: Command.AwaitCommandOptions) => Effect.Effect<void, EmulatorError>
  /**
   * Chooses a command of the bot in the context menu of a user or a message, as a user who sees what the bot answers. Fails
   * with `CommandFailed` like `command`, and if there is no such message.
   */
  readonly menu: (options: Command.MenuOptions) => Effect.Effect<Command.Command, EmulatorError>
  /**
   * What the bot suggests for a partly typed option (autocompletion). Fails with `CommandFailed` if the option was registered
   * without autocompletion, or if the bot has not suggested anything within three seconds.
   */
  readonly suggest: (options: Command.SuggestOptions) => Effect.Effect<ReadonlyArray<Choice>, EmulatorError>
  /** The text of a channel: a text channel, or the text of a voice channel. Default "lobby". Fails with `UnknownName`. */
  readonly chat: (channel?: string) => Effect.Effect<Chat.Chat, EmulatorError>
  /**
   * The direct messages between a user and a bot, "guest" and "bot" unless others are named, whichever of them opened the
   * conversation.
   */
  readonly direct: (options?: Chat.DirectOptions) => Effect.Effect<Chat.Chat, EmulatorError>
  /**
   * In memory: waits until nothing happens any more unless the clock moves. Call it between forking a client and adjusting the
   * `TestClock`, which would otherwise overtake the first messages; `join` and the faults do it automatically. On loopback it
   * returns immediately.
   */
  readonly settle: Effect.Effect<void>
  /** Calls the REST API without a socket. */
  readonly rest: (request: Core.RestRequest) => Effect.Effect<Core.RestResponse>
  /**
   * The REST API as a `fetch` without a socket, for a bot whose `fetch` can be replaced. In memory, there is no other way to
   * reach the API. Waiting follows Effect's `Clock`. Only the path and query of a URL matter.
   */
  readonly fetch: typeof globalThis.fetch
  /** The world at this moment, as plain data. */
  readonly snapshot: Effect.Effect<Core.Snapshot>
  /**
   * The transports that lead to the emulator: in memory, the memory transports; on loopback, those of the machine, which trust
   * its certificate.
   */
  readonly transport: Layer.Layer<Transport.WebSocketTransport | Transport.DatagramTransport>
  /**
   * The gateway client of this library, logged in as this user. An unknown user is created as a bot, with a warning if the name
   * looks like a misspelling of a known one.
   */
  readonly layerGateway: (
    user: string,
    options?: ClientOptions
  ) => Layer.Layer<Gateway.Gateway | Gateway.Dispatches | Gateway.Rest, VoiceError>
  /**
   * Everything that a program with a `VoiceSession` needs, as this user: the gateway of {@link layerGateway}, and voice over
   * `transport`. In memory, its beat follows Effect's `Clock`, like everything else.
   */
  readonly layerVoice: (
    user: string,
    options?: ClientOptions
  ) => Layer.Layer<Gateway.Gateway | Gateway.Dispatches | Gateway.Rest | Voice.Voice, VoiceError>
}>()("effect-discord-voice/emulator/Emulator") {}

const shellOptions = Effect.fnUntraced(function*(options: EmulatorOptions) {
  const { profile = "today", seed = 1, tls = false, voiceServers: regions = ["one", "two"] } = options
  if (regions.length === 0) {
    return yield* makeError(new InvalidOption({ option: "voiceServers", detail: "at least one is required" }))
  }
  if (new Set(regions).size < regions.length) {
    return yield* makeError(new InvalidOption({ option: "voiceServers", detail: "each needs its own region" }))
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

  /** A user that does not exist is created without a chosen id, so nothing can fail there. */
  const botNamed = Effect.fnUntraced(function*(name: string) {
    const meant = users.get(name) === undefined ? Similar.find(name, users.names()) : undefined
    if (meant !== undefined) {
      yield* Effect.logWarning(
        `The emulator creates a new bot "${name}". If it is meant to be "${meant}", correct the name in \`layerVoice\` or \`layerGateway\`; otherwise create it with \`createUser\`.`
      )
    }
    return yield* Effect.orDie(userOrNew({ name, bot: true }))
  })
  const layerGateway: Emulator["Service"]["layerGateway"] = (name, options) =>
    Layer.unwrap(
      Effect.map(
        botNamed(name),
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
 * An emulator on 127.0.0.1, for any client, on free ports unless others are given. Everything closes with the layer. Fails with
 * the reasons `ListenFailed`, `CertificateFailed`, `InvalidOption` and, if you pass a world, `NameTaken` and `UnknownName`.
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
 * An emulator without sockets, on Effect's `Clock`. Its transports follow the rules of the real ones. Fails with the reasons
 * `InvalidOption`, `NameTaken` and `UnknownName`.
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
