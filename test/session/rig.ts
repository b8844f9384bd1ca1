import { Context, Effect, Fiber, Latch, Layer, Redacted, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import * as Gateway from "../../src/Gateway.ts"
import * as Mixer from "../../src/Mixer.ts"
import type * as GatewayPayload from "../../src/protocol/GatewayPayload.ts"
import { ChannelId, GuildId, UserId } from "../../src/protocol/Identifier.ts"
import * as MockGateway from "../../src/testing/MockGateway.ts"
import * as MockVoiceDriver from "../../src/testing/MockVoiceDriver.ts"
import { voiceCloseReason } from "../../src/voiceClose.ts"
import * as VoiceDriver from "../../src/VoiceDriver.ts"
import type * as VoiceError from "../../src/VoiceError.ts"
import * as VoiceSession from "../../src/VoiceSession.ts"

export const guildId = GuildId.make("10")
export const home = ChannelId.make("20")
export const other = ChannelId.make("21")
export const me = UserId.make("1")

export const stateOf = (channel: ChannelId | null, user: UserId = me): GatewayPayload.VoiceState => ({
  guild_id: guildId,
  channel_id: channel,
  user_id: user,
  session_id: "session",
  deaf: false,
  mute: false,
  self_deaf: false,
  self_mute: false,
  self_video: false,
  suppress: false
})

/** The flags of `stateOf`, as they are kept for other users. */
export const flags = {
  selfMute: false,
  selfDeaf: false,
  mute: false,
  deaf: false,
  suppress: false,
  video: false,
  streaming: false
}

export const voiceState = (channel: ChannelId | null, user: UserId = me): Gateway.GatewayEvent => ({
  _tag: "VoiceState",
  state: stateOf(channel, user)
})

export const voiceServer = (token: string, endpoint: string | null = "voice.example:443"): Gateway.GatewayEvent => ({
  _tag: "VoiceServer",
  server: { guild_id: guildId, endpoint, token }
})

/** What the main gateway does with requests. A test may change it at any time. */
export interface Discord {
  readonly requests: Array<Gateway.VoiceStateRequest>
  answer: (request: Gateway.VoiceStateRequest) => ReadonlyArray<Gateway.GatewayEvent>
  /** What keeps the bot out of a channel that `answer` does not answer for. */
  obstacle: (channelId: ChannelId) => VoiceError.Obstacle | undefined
}

/** Answers as Discord does, with a new token each time. */
export const answering = (): Discord["answer"] => {
  let tokens = 0
  return ({ channel_id }) =>
    channel_id === null ? [voiceState(null)] : [voiceState(channel_id), voiceServer(`token-${++tokens}`)]
}

/** Answers as Discord does when it does not admit the bot: with nothing, except to a leave. */
export const refusing: Discord["answer"] = ({ channel_id }) => channel_id === null ? [voiceState(null)] : []

/**
 * A session in `home`, with the gateway and the driver in the test's hands. `closing` is run when a connection ends,
 * and `opening` before one is there.
 */
export const make = Effect.fnUntraced(function*(
  options: Partial<VoiceSession.JoinOptions> = {},
  closing: Effect.Effect<void> = Effect.void,
  opening: (info: VoiceDriver.ConnectionInfo) => Effect.Effect<void> = () => Effect.void
) {
  const discord: Discord = { requests: [], answer: answering(), obstacle: () => undefined }
  const context = yield* Layer.build(Layer.mergeAll(
    MockGateway.layer({
      answer: (request) => {
        discord.requests.push(request)
        return discord.answer(request)
      },
      obstacle: (channelId) => discord.obstacle(channelId)
    }),
    MockVoiceDriver.layer,
    Mixer.layer
  ))
  const [gateway, driver] = yield* Effect.provideContext(
    Effect.all([MockGateway.MockGateway, MockVoiceDriver.MockVoiceDriver]),
    context
  )
  const connects = Context.get(context, VoiceDriver.VoiceDriver)
  const main = Context.get(context, Gateway.Gateway)
  const taking = Latch.makeUnsafe(true)
  const taken: Gateway.Gateway["Service"] = {
    ...main,
    updateVoiceState: (request) => Effect.andThen(taking.await, main.updateVoiceState(request))
  }
  const joinIn = (channelId: ChannelId) =>
    VoiceSession.join({ guildId, channelId, ...options }).pipe(
      Effect.provideService(VoiceDriver.VoiceDriver, {
        connect: (...record) =>
          Effect.addFinalizer(() => closing).pipe(
            Effect.andThen(opening(record[0])),
            Effect.andThen(connects.connect(...record))
          )
      }),
      Effect.provideService(Gateway.Gateway, taken),
      Effect.provideContext(context)
    )
  return {
    ...gateway,
    discord,
    driver,
    join: joinIn(home),
    joinIn,
    say: (...events: ReadonlyArray<Gateway.GatewayEvent>) => Effect.forEach(events, gateway.push, { discard: true }),
    /** The gateway takes no requests: they wait until it does again. */
    hold: taking.close,
    release: taking.open,
    channels: () => discord.requests.map(({ channel_id }) => channel_id),
    /** The tokens of the connections that were requested. */
    tokens: Effect.map(driver.connections, (infos) => infos.map(({ token }) => Redacted.value(token))),
    /** The voice gateway closes every live connection with this code. */
    lose: (code: number) => driver.end(voiceCloseReason(code, ""))
  }
})

/** The states of a session from now on, as they come. */
export const statesOf = (session: VoiceSession.VoiceSession) => {
  const tags: Array<VoiceSession.State["_tag"]> = []
  return session.changes.pipe(
    Stream.runForEach(({ _tag }) => Effect.sync(() => tags.push(_tag))),
    Effect.forkScoped({ startImmediately: true }),
    Effect.as(tags)
  )
}

/** Why a session ended, which it must have done. */
export const endOf = (session: VoiceSession.VoiceSession) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(Effect.flip(session.awaitClosed), { startImmediately: true })
    yield* TestClock.adjust("10 seconds")
    yield* Fiber.interrupt(fiber)
    return (yield* Fiber.join(fiber)).reason
  })

/** Frames that contain their numbers. */
export const frames = (count: number): ReadonlyArray<AudioSource.OpusFrame> =>
  Array.from({ length: count }, (_, i) => ({ data: Uint8Array.of(0xfc, i >> 8, i & 0xff), samples: 960 }))

export const source = (count: number) => AudioSource.fromFrames(frames(count))
