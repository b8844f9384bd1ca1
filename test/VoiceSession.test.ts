import { assert, describe, it, vi } from "@effect/vitest"
import {
  Deferred,
  Effect,
  Exit,
  Fiber,
  Latch,
  Layer,
  Option,
  PubSub,
  Redacted,
  References,
  Scheduler,
  Scope,
  Stream
} from "effect"
import { TestClock } from "effect/testing"
import { inspect } from "node:util"
import * as AudioSource from "../src/audio/AudioSource.ts"
import type * as Track from "../src/audio/Track.ts"
import * as Gateway from "../src/Gateway.ts"
import * as Mixer from "../src/Mixer.ts"
import { ChannelId, GuildId, Ssrc, UserId } from "../src/protocol/Identifier.ts"
import * as VoiceDriver from "../src/VoiceDriver.ts"
import * as VoiceError from "../src/VoiceError.ts"
import * as VoiceSession from "../src/VoiceSession.ts"
import * as FakeConnection from "./audio/FakeConnection.ts"

const guildId = GuildId.make("10")
const channelId = ChannelId.make("20")
const me = UserId.make("30")
const someone = UserId.make("31")

const voiceState = (user: UserId, channel: ChannelId | null, session: string): Gateway.GatewayEvent => ({
  _tag: "VoiceState",
  state: {
    guild_id: guildId,
    channel_id: channel,
    user_id: user,
    session_id: session,
    deaf: false,
    mute: false,
    self_deaf: false,
    self_mute: false,
    self_video: false,
    suppress: false
  }
})

const voiceServer = (endpoint: string | null, token = "secret-token"): Gateway.GatewayEvent => ({
  _tag: "VoiceServer",
  server: { guild_id: guildId, endpoint, token }
})

const packet: VoiceDriver.AudioPacket = {
  ssrc: Ssrc.make(9),
  sequence: 1,
  timestamp: 960,
  payload: Uint8Array.of(0xfc),
  arrivalMs: 0
}

/** A gateway and a driver controlled by the test. */
const makeRig = Effect.fnUntraced(function*(userId: Gateway.Gateway["Service"]["userId"]) {
  const hub = yield* PubSub.unbounded<Gateway.GatewayEvent>()
  const requests: Array<Gateway.VoiceStateRequest> = []
  const infos: Array<VoiceDriver.ConnectionInfo> = []
  const released: Array<string> = []
  const frames: Array<unknown> = []
  const fake = yield* FakeConnection.make
  let refuse: VoiceError.VoiceError | undefined
  let answers = true
  /** Closed while the main gateway is away, so that requests wait. */
  const reachable = yield* Latch.make(true)
  const layer = Layer.mergeAll(
    Mixer.layer,
    Layer.succeed(Gateway.Gateway, {
      userId,
      updateVoiceState: (request) =>
        Effect.andThen(
          reachable.await,
          Effect.suspend(() => {
            requests.push(request)
            return request.channel_id === null && answers
              ? PubSub.publish(hub, voiceState(me, null, "session"))
              : Effect.void
          })
        ),
      subscribe: Effect.map(PubSub.subscribe(hub), (subscription) => Stream.fromSubscription(subscription)),
      lifecycle: Option.none(),
      initialVoiceState: Option.none()
    }),
    Layer.succeed(VoiceDriver.VoiceDriver, {
      connect: (info) =>
        Effect.suspend(() => {
          infos.push(info)
          return refuse === undefined
            ? Effect.succeed({
              ...fake.connection,
              info,
              listen: (onPacket: (packet: VoiceDriver.AudioPacket) => void) => Effect.sync(() => onPacket(packet))
            })
            : Effect.fail(refuse)
        }).pipe(
          Effect.tap(() => Effect.addFinalizer(() => Effect.sync(() => released.push("connection")))),
          Effect.tap(Effect.map(References.CurrentStackFrame, (frame) => frames.push(frame)))
        )
    })
  )
  const provide = Effect.provide(yield* Layer.build(layer).pipe(Effect.map((context) => Layer.succeedContext(context))))
  return {
    fake,
    reachable,
    requests,
    infos,
    released,
    frames,
    provide,
    push: (event: Gateway.GatewayEvent) => PubSub.publish(hub, event),
    /** From now on, leaving is not answered. */
    mute: () => {
      answers = false
    },
    refuse: (error: VoiceError.VoiceError) => {
      refuse = error
    }
  }
})

const rig = makeRig(Effect.succeed(me))

const source = AudioSource.fromFrames(Array.from({ length: 100 }, (_, i) => ({
  data: Uint8Array.of(0xfc, i),
  samples: 960
})))

/** Joins with the two events in the given order. */
const joined = (
  it: Effect.Success<ReturnType<typeof makeRig>>,
  events: ReadonlyArray<Gateway.GatewayEvent>,
  options?: Partial<VoiceSession.JoinOptions>
) =>
  Effect.gen(function*() {
    const fiber = yield* VoiceSession.join({ guildId, channelId, ...options }).pipe(
      it.provide,
      Effect.forkScoped({ startImmediately: true })
    )
    yield* Effect.yieldNow
    for (const event of events) yield* it.push(event)
    return fiber
  })

const both = [voiceState(me, channelId, "session"), voiceServer("voice.example:2048")]

describe("VoiceSession", () => {
  it.effect("prints what it is doing, without secrets", () =>
    Effect.gen(function*() {
      const it = yield* rig
      const session = yield* Fiber.join(yield* joined(it, both))
      yield* session.play({ ...source, name: "a song" })
      const shown = {
        _id: "VoiceSession",
        guildId,
        channelId,
        userId: me,
        state: yield* session.state,
        restrictions: { serverMute: false, serverDeaf: false, suppress: false },
        tracks: ["a song"]
      }
      assert.strictEqual(shown.state._tag, "Ready")
      assert.deepStrictEqual(JSON.parse(JSON.stringify(session)), shown)
      assert.strictEqual(inspect(session), inspect(shown))
      assert.strictEqual(`${session}`, JSON.stringify(shown))
      assert.notInclude(inspect(session, { depth: Infinity, showHidden: true }), "secret-token")
      // its keys do not include the methods that print it
      assert.notIncludeMembers(Object.keys(session), ["toJSON", "toString"])
    }))

  for (const order of ["state first", "server first"]) {
    it.effect(`joins, ${order}`, () =>
      Effect.gen(function*() {
        const it = yield* rig
        const session = yield* Fiber.join(yield* joined(it, order === "state first" ? both : both.toReversed()))
        assert.deepStrictEqual(it.requests, [
          { guild_id: guildId, channel_id: channelId, self_mute: false, self_deaf: false }
        ])
        const info = it.infos[0]
        assert.isDefined(info)
        assert.strictEqual(info.endpoint, "voice.example:2048")
        assert.strictEqual(Redacted.value(info.sessionId), "session")
        assert.strictEqual(Redacted.value(info.token), "secret-token")
        assert.strictEqual((yield* session.state)._tag, "Ready")
      }))
  }

  it.effect("asks Discord for nothing if an option is invalid", () =>
    Effect.gen(function*() {
      const it = yield* rig
      const wrong: ReadonlyArray<Partial<VoiceSession.JoinOptions>> = [
        { encoder: { bitrate: 1 } },
        { encoder: { complexity: NaN } },
        { joinTimeout: NaN },
        { joinTimeout: -1 },
        { policy: { stableAfter: NaN } },
        { policy: { gatewayPatience: -1 } },
        { policy: { serverPatience: "-1 seconds" } },
        { receive: { minDepth: -1 } },
        { receive: { startDepth: NaN } },
        { receive: { maxDepth: Infinity } },
        { receive: { tickDelay: -1 } },
        { receive: { bufferPackets: 0 } },
        { receive: { capacity: 1.5 } },
        { receiveCapacity: 0 }
      ]
      for (const options of wrong) {
        const error = yield* VoiceSession.join({ guildId, channelId, ...options }).pipe(it.provide, Effect.flip)
        assert.strictEqual(error.reason._tag, "Unsupported", JSON.stringify(options))
      }
      assert.lengthOf(it.requests, 0)
    }))

  it.effect("keeps no stack frame of the call that joined, with which every interruption would be annotated", () =>
    Effect.gen(function*() {
      const it = yield* rig
      yield* Fiber.join(yield* joined(it, both))
      assert.deepStrictEqual(it.frames, [undefined])
    }))

  it.effect("ignores other members' events and a null endpoint, whose token it never uses", () =>
    Effect.gen(function*() {
      const it = yield* rig
      const fiber = yield* joined(it, [
        voiceState(someone, channelId, "other"),
        voiceState(me, ChannelId.make("21"), "elsewhere"),
        voiceServer(null, "stale"),
        voiceState(me, channelId, "session")
      ])
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(it.infos, [])
      yield* it.push(voiceServer("voice.example:443", "fresh"))
      yield* Fiber.join(fiber)
      const info = it.infos[0]
      assert.isDefined(info)
      assert.strictEqual(Redacted.value(info.token), "fresh")
    }))

  it.effect("forgets a server that was taken back", () =>
    Effect.gen(function*() {
      const it = yield* rig
      const fiber = yield* joined(it, [
        voiceServer("old.example:443", "old"),
        voiceServer(null, "stale"),
        voiceState(me, channelId, "session")
      ])
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(it.infos, [])
      yield* it.push(voiceServer("voice.example:443", "fresh"))
      yield* Fiber.join(fiber)
      assert.strictEqual(it.infos[0]?.endpoint, "voice.example:443")
    }))

  it.effect("hears nothing while it is deaf, not even packets in flight", () =>
    Effect.gen(function*() {
      const it = yield* rig
      const session = yield* Fiber.join(yield* joined(it, both, { selfDeaf: true }))
      const heard = yield* session.packets.pipe(Stream.take(1), Stream.runCollect, Effect.forkScoped)
      yield* TestClock.adjust("1 second")
      assert.isUndefined(heard.pollUnsafe())
      yield* Fiber.interrupt(heard)
      yield* session.setSelf({ deaf: false })
      assert.deepStrictEqual(yield* session.packets.pipe(Stream.take(1), Stream.runCollect), [packet])
    }))

  it.effect("asks to join before it knows its user id, and then picks its own session from earlier events", () =>
    Effect.gen(function*() {
      const self = yield* Deferred.make<UserId, VoiceError.VoiceError>()
      const it = yield* makeRig(Deferred.await(self))
      const fiber = yield* joined(it, [
        voiceServer("voice.example:443"),
        voiceState(me, channelId, "ours"),
        voiceState(someone, channelId, "theirs")
      ])
      yield* TestClock.adjust("5 seconds")
      assert.lengthOf(it.requests, 1)
      assert.deepStrictEqual(it.infos, [])
      yield* Deferred.succeed(self, me)
      const session = yield* Fiber.join(fiber)
      assert.strictEqual(session.userId, me)
      assert.deepStrictEqual(it.infos.map(({ sessionId }) => Redacted.value(sessionId)), ["ours"])
    }))

  it.effect("waits for Discord's answer when it leaves, even if it learned its user id late", () =>
    Effect.gen(function*() {
      const self = yield* Deferred.make<UserId, VoiceError.VoiceError>()
      const it = yield* makeRig(Deferred.await(self))
      const scope = yield* Scope.make()
      const fiber = yield* joined(it, both).pipe(Scope.provide(scope))
      yield* Deferred.succeed(self, me)
      yield* Fiber.join(fiber)
      it.mute()
      const closing = yield* Effect.forkScoped(Scope.close(scope, Exit.void), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      assert.isNull(it.requests.at(-1)?.channel_id)
      assert.isUndefined(closing.pollUnsafe())
      yield* it.push(voiceState(me, null, "session"))
      yield* Fiber.join(closing)
    }))

  it.effect("fails with the gateway's error if that replaces its user id", () =>
    Effect.gen(function*() {
      const it = yield* makeRig(VoiceError.fail(new VoiceError.GatewayFailed({ detail: "gone" })))
      const error = yield* Effect.flip(Fiber.join(yield* joined(it, [])))
      assert.strictEqual(error.reason._tag, "GatewayFailed")
    }))

  it.effect("reports that it does not know its user id", () =>
    Effect.gen(function*() {
      const it = yield* makeRig(Effect.never)
      const fiber = yield* joined(it, both)
      yield* TestClock.adjust("15 seconds")
      const error = yield* Effect.flip(Fiber.join(fiber))
      assert(error.reason._tag === "JoinTimedOut")
      assert.strictEqual(error.reason.missing, "userId")
      assert.include(error.message, "option userId")
    }))

  it.effect("fails if the Discord library gives up this guild, not if it gives up another", () =>
    Effect.gen(function*() {
      const it = yield* rig
      const detached = (guildId: GuildId): Gateway.GatewayEvent => ({
        _tag: "Detached",
        guildId,
        error: VoiceError.make(new VoiceError.GatewayDetached({ guildId }))
      })
      const fiber = yield* joined(it, [voiceState(me, channelId, "session"), detached(GuildId.make("11"))])
      yield* TestClock.adjust("1 second")
      assert.isUndefined(fiber.pollUnsafe())
      it.mute()
      yield* it.push(detached(guildId))
      // and does not wait for an answer from a library that has none
      const error = yield* Effect.flip(Fiber.join(fiber))
      assert.strictEqual(error.reason._tag, "GatewayDetached")
    }))

  const missing = [
    ["both", []],
    ["VOICE_SERVER_UPDATE", [voiceState(me, channelId, "session")]],
    ["VOICE_STATE_UPDATE", [voiceServer("voice.example:443")]],
    ["endpoint", [voiceState(me, channelId, "session"), voiceServer(null)]]
  ] as const
  for (const [what, events] of missing) {
    it.effect(`times out and reports that ${what} did not come`, () =>
      Effect.gen(function*() {
        const it = yield* rig
        const fiber = yield* joined(it, events, { joinTimeout: "10 seconds" })
        yield* TestClock.adjust("10 seconds")
        const error = yield* Effect.flip(Fiber.join(fiber))
        assert.strictEqual(error.reason._tag, "JoinTimedOut")
        if (error.reason._tag === "JoinTimedOut") {
          assert.strictEqual(error.reason.missing, what)
          assert.strictEqual(error.reason.elapsedMs, 10_000)
          assert.notInclude(error.message, "secret-token")
        }
        // the request is taken back, and the guild is free again
        assert.isNull(it.requests.at(-1)?.channel_id)
        yield* Fiber.join(yield* joined(it, both))
      }))
  }

  it.effect("leaves when its scope closes, and its state becomes Closed", () =>
    Effect.gen(function*() {
      const it = yield* rig
      const scope = yield* Scope.make()
      const session = yield* Effect.flatMap(joined(it, both), Fiber.join).pipe(Scope.provide(scope))
      const states = yield* session.changes.pipe(
        Stream.map(({ _tag }) => _tag),
        Stream.runCollect,
        Effect.forkScoped({ startImmediately: true })
      )
      yield* Effect.yieldNow
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(yield* Fiber.join(states), ["Ready", "Closed"])
      yield* session.awaitClosed
      assert.isNull(it.requests.at(-1)?.channel_id)
      assert.deepStrictEqual(it.released, ["connection"])
    }))

  it.effect("leaves in bounded time while the main gateway is away, and tells it when it is back", () =>
    Effect.gen(function*() {
      const it = yield* rig
      const scope = yield* Scope.make()
      yield* Effect.flatMap(joined(it, both), Fiber.join).pipe(Scope.provide(scope))
      yield* it.reachable.close
      const closing = yield* Effect.forkScoped(Scope.close(scope, Exit.void), { startImmediately: true })
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(closing)
      assert.strictEqual(it.requests.at(-1)?.channel_id, channelId)
      yield* it.reachable.open
      yield* TestClock.adjust("1 second")
      assert.isNull(it.requests.at(-1)?.channel_id)
    }))

  it.effect("is silent at once when it mutes itself, whatever the main gateway does", () =>
    Effect.gen(function*() {
      const it = yield* rig
      const session = yield* Fiber.join(yield* joined(it, both))
      yield* it.reachable.close
      const muting = yield* Effect.forkScoped(session.setSelf({ mute: true }), { startImmediately: true })
      yield* Effect.yieldNow
      assert.deepStrictEqual(it.fake.log, ["muted true"])
      yield* it.reachable.open
      yield* Fiber.join(muting)
    }))

  it.effect("refuses a second join in the same guild until the first has ended", () =>
    Effect.gen(function*() {
      const it = yield* rig
      const scope = yield* Scope.make()
      const first = yield* joined(it, both).pipe(Scope.provide(scope))
      yield* Fiber.join(first)
      const error = yield* Effect.flip(VoiceSession.join({ guildId, channelId }).pipe(it.provide))
      assert.strictEqual(error.reason._tag, "AlreadyJoined")
      yield* Scope.close(scope, Exit.void)
      yield* Fiber.join(yield* joined(it, both))
    }))

  it.effect("passes on a failure of the driver, and frees the guild", () =>
    Effect.gen(function*() {
      const it = yield* rig
      it.refuse(VoiceError.make(new VoiceError.E2eeRequired({ code: 4017, detail: "" })))
      const error = yield* Effect.flip(Fiber.join(yield* joined(it, both)))
      assert.strictEqual(error.reason._tag, "E2eeRequired")
      assert.isNull(it.requests.at(-1)?.channel_id)
      const again = yield* Effect.flip(Fiber.join(yield* joined(it, both)))
      assert.strictEqual(again.reason._tag, "E2eeRequired")
    }))

  it.effect("ends with the reason of a lost connection, leaves, and plays no more", () =>
    Effect.gen(function*() {
      const it = yield* rig
      const session = yield* Fiber.join(yield* joined(it, both, { policy: VoiceSession.policyNever }))
      const track = yield* session.play(source)
      yield* it.fake.lose(VoiceError.make(new VoiceError.ServerCrashed({ code: 4015, detail: "" })))
      const error = yield* Effect.flip(session.awaitClosed)
      assert.strictEqual(error.reason._tag, "ServerCrashed")
      yield* TestClock.adjust("1 second")
      const state = yield* session.state
      assert.strictEqual(state._tag, "Closed")
      assert.strictEqual((yield* track.awaitEnd)._tag, "Failed")
      assert.strictEqual((yield* Effect.flip(session.play(source))).reason._tag, "NotConnected")
      assert.strictEqual((yield* Effect.flip(session.setSpeaking({}))).reason._tag, "NotConnected")
      assert.deepStrictEqual(it.released, ["connection"])
      assert.isNull(it.requests.at(-1)?.channel_id)
    }))

  it.effect("does not play if it ends while the source is being opened", () =>
    Effect.gen(function*() {
      const it = yield* rig
      const session = yield* Fiber.join(yield* joined(it, both, { policy: VoiceSession.policyNever }))
      const slow = { ...source, open: Effect.delay(source.open, "10 seconds") }
      const playing = yield* Effect.forkScoped(session.play(slow), { startImmediately: true })
      yield* it.fake.lose(VoiceError.make(new VoiceError.SessionInvalid({ code: 4006, detail: "" })))
      assert.strictEqual((yield* Effect.flip(Fiber.join(playing))).reason._tag, "SessionInvalid")
      assert.strictEqual((yield* Effect.flip(session.awaitClosed)).reason._tag, "SessionInvalid")
    }))

  for (const [how, interrupted] of [["an interruption", true], ["the end of the session", false]] as const) {
    it.effect(`stops opening a source on ${how}`, () =>
      Effect.gen(function*() {
        const it = yield* rig
        const scope = yield* Scope.make()
        const session = yield* Fiber.join(yield* joined(it, both).pipe(Effect.provideService(Scope.Scope, scope)))
        let closed = 0
        const hanging: AudioSource.AudioSource = {
          name: "hanging",
          open: Effect.andThen(Effect.addFinalizer(() => Effect.sync(() => void closed++)), Effect.never)
        }
        const playing = yield* Effect.forkScoped(Effect.exit(session.play(hanging)), { startImmediately: true })
        if (interrupted) assert.deepStrictEqual(yield* session.interrupt, [])
        else yield* Scope.close(scope, Exit.void)
        const exit = yield* Fiber.join(playing)
        assert.strictEqual(closed, 1)
        assert.deepStrictEqual(yield* session.tracks, [])
        if (!interrupted) {
          return assert.strictEqual((yield* Effect.flip(exit)).reason._tag, "NotConnected")
        }
        const track = yield* exit
        assert.deepStrictEqual(yield* track.awaitEnd, { _tag: "Stopped" })
        assert.deepStrictEqual(yield* track.state, { _tag: "Ended", end: { _tag: "Stopped" } })
        assert.strictEqual(yield* track.position, 0)
        assert.isUndefined(track.durationMs)
      }))
  }

  it.effect("interrupts a source at any point of its opening", () =>
    Effect.gen(function*() {
      const it = yield* rig
      const session = yield* Fiber.join(yield* joined(it, both))
      yield* (yield* session.play(source)).stop
      const isStopped: Array<boolean> = []
      for (let isDone = false; !isDone && isStopped.length < 300;) {
        // others get their turn after a few steps
        const playing = yield* session.play(source).pipe(
          Effect.provideService(Scheduler.MaxOpsBeforeYield, 4),
          Effect.forkScoped
        )
        for (let i = 0; i < isStopped.length; i++) yield* Effect.yieldNow
        isDone = playing.pollUnsafe() !== undefined
        yield* session.interrupt
        const track = yield* Fiber.join(playing)
        isStopped.push((yield* track.state)._tag === "Ended")
        yield* track.stop
      }
      assert.isAbove(isStopped.length, 10)
      assert.notInclude(isStopped.slice(isStopped.indexOf(true)), false)
    }))

  it.effect("plays while another source is being opened", () =>
    Effect.gen(function*() {
      const it = yield* rig
      const session = yield* Fiber.join(yield* joined(it, both))
      const playing = yield* Effect.forkScoped(session.play({ name: "slow", open: Effect.never }), {
        startImmediately: true
      })
      const track = yield* session.play(source)
      assert.deepStrictEqual(yield* session.tracks, [track])
      yield* Fiber.interrupt(playing)
      yield* track.stop
      assert.deepStrictEqual(yield* session.tracks, [])
    }))

  it.effect("plays one track after another", () =>
    Effect.gen(function*() {
      const it = yield* rig
      const session = yield* Fiber.join(yield* joined(it, both))
      yield* (yield* session.play(source)).stop
      const second = yield* session.play(source)
      yield* Effect.forEach(Array.from({ length: 120 }), () =>
        Effect.andThen(it.fake.steps(1), TestClock.adjust("20 millis")))
      assert.deepStrictEqual(yield* second.awaitEnd, { _tag: "Finished" })
    }))

  for (
    const [how, copied] of [
      ["a copy", (track: Track.Track): Track.Track => ({ ...track, name: "copy" })],
      ["a copy of a copy", (track: Track.Track): Track.Track => Object.assign({}, { ...track })],
      ["an object that inherits from it", (track: Track.Track): Track.Track => Object.create(track)],
      ["a proxy", (track: Track.Track): Track.Track => new Proxy(track, {})]
    ] as const
  ) {
    it.effect(`recognizes a track by ${how}`, () =>
      Effect.gen(function*() {
        const it = yield* rig
        const session = yield* Fiber.join(yield* joined(it, both))
        const track = yield* session.play(source)
        const next = yield* session.play(source, { after: copied(track), gain: 0.5 })
        yield* Effect.forEach(Array.from({ length: 20 }), () =>
          Effect.andThen(it.fake.steps(1), TestClock.adjust("20 millis")))
        assert.strictEqual(yield* track.position, 400)
        assert.strictEqual((yield* next.state)._tag, "Buffering", "it waits")
        assert.deepStrictEqual(
          (yield* session.cut([copied(next)])).map((one) =>
            one.track
          ),
          [next]
        )
        assert.deepStrictEqual(yield* session.cut([copied(next)]), [], "it has ended")
        assert.deepStrictEqual(yield* session.tracks, [track])
        const [heard] = yield* session.cut([copied(track), track])
        assert.deepStrictEqual([heard?.track, heard?.positionMs], [track, 400])
        assert.deepStrictEqual(yield* session.tracks, [])
      }))
  }

  it.effect("can be destructured, copied, inherited from and proxied", () =>
    Effect.gen(function*() {
      const it = yield* rig
      const session = yield* Fiber.join(yield* joined(it, both))
      const { play, receive, setSelf, tracks } = session
      const copy = { ...session }
      const beneath: VoiceSession.VoiceSession = Object.create(session)
      const behind = new Proxy(session, {})
      assert.sameMembers(Object.keys(copy), Object.keys(session))
      assert.deepStrictEqual(yield* tracks, [])
      const track = yield* play(source)
      for (const one of [copy, beneath, behind]) {
        assert.deepStrictEqual(yield* one.tracks, [track])
        assert.strictEqual(one.receive, receive, "there is one")
        assert.strictEqual(one.guildId, guildId)
        assert.strictEqual((yield* one.state)._tag, "Ready")
      }
      yield* setSelf({ mute: true })
      yield* copy.setSelf({ mute: false })
      assert.deepStrictEqual(it.requests.map(({ self_mute }) => self_mute), [false, true, false])
      assert.strictEqual(session.play, play, "the same whenever it is asked for")
    }))

  it.effect("can be replaced for a test, in whole or in part", () =>
    Effect.gen(function*() {
      const it = yield* rig
      const session = yield* Fiber.join(yield* joined(it, both))
      const nothing = Effect.succeed([])
      const mine = Object.assign(Object.create(session), { tracks: nothing })
      assert.strictEqual(mine.tracks, nothing)
      assert.notStrictEqual(session.tracks, nothing)
      assert.notStrictEqual(yield* session.tracks, yield* session.tracks, "nobody's array is another's")
      Object.assign(session, { tracks: nothing })
      assert.strictEqual(session.tracks, nothing)
      const spy = vi.spyOn(session, "play")
      const track = yield* session.play(source)
      assert.strictEqual(spy.mock.calls.length, 1)
      const seek = vi.spyOn(track, "seek")
      yield* Effect.ignore(track.seek("1 second"))
      assert.strictEqual(seek.mock.calls.length, 1)
    }))

  it.effect("announces speaking flags and changes its own mute and deaf flags", () =>
    Effect.gen(function*() {
      const it = yield* rig
      const session = yield* Fiber.join(yield* joined(it, both, { selfMute: true }))
      assert.isTrue(it.requests[0]?.self_mute)
      yield* session.setSpeaking({})
      yield* session.setSpeaking({ microphone: false, soundshare: true, priority: true })
      yield* session.setSelf({ mute: false, deaf: true })
      assert.deepStrictEqual(it.fake.log, ["muted true", "speaking 1", "speaking 6", "muted false"])
      assert.deepStrictEqual(it.requests.at(-1), {
        guild_id: guildId,
        channel_id: channelId,
        self_mute: false,
        self_deaf: true
      })
    }))
})
