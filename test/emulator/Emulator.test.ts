import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Effect, Exit, Fiber, Layer, Logger, Redacted, Result, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as Gateway from "../../src/Gateway.ts"
import * as GatewayPayload from "../../src/protocol/GatewayPayload.ts"
import * as Foreign from "./ForeignClient.ts"
import { enter } from "./scenario.ts"

const memory = (options?: Emulator.MemoryOptions) =>
  Layer.unwrap(Emulator.Emulator.useSync(({ transport }) => transport)).pipe(
    Layer.provideMerge(Emulator.layerMemory({ profile: Foreign.profile, ...options }))
  )

const reason = <A, R>(effect: Effect.Effect<A, Emulator.EmulatorError, R>) =>
  Effect.map(Effect.flip(effect), (error) => error.reason)

const silence = Uint8Array.of(0xf8, 0xff, 0xfe)

describe("Emulator", () => {
  it.effect("starts with a guild, three channels, a bot and two voice servers", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const { channels, guilds, users, voiceServers } = yield* discord.snapshot
      assert.deepStrictEqual(guilds.map(({ name }) => name), ["guild"])
      assert.deepStrictEqual(channels.map(({ e2ee, kind, name }) => [name, kind, e2ee]), [
        ["lobby", "voice", "required"],
        ["secure", "voice", "required"],
        ["stage", "stage", "never"]
      ])
      assert.deepStrictEqual(users.map(({ bot, name }) => [name, bot]), [["owner of guild", false], ["bot", true]])
      assert.deepStrictEqual(voiceServers.map(({ region }) => region), ["one", "two"])
      assert.strictEqual(yield* discord.guild("guild"), guilds[0]?.id)
    }).pipe(Effect.provide(Emulator.layerMemory())))

  it.effect("finds channels created by a bot by name, until they are deleted", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const { token } = yield* discord.createUser({ name: "maker", bot: true, moderator: true })
      const guild = yield* discord.guild("guild")
      const category = yield* discord.createChannel({ name: "Rooms", kind: "category" })
      yield* discord.createChannel({ name: "music", kind: "text", category: "Rooms" })
      const call = (method: string, path: string, body?: unknown) => {
        const authorization = `Bot ${Redacted.value(token)}`
        return discord.rest({
          method,
          path,
          authorization,
          body: body === undefined ? undefined : JSON.stringify(body)
        })
      }
      const create = (name: string) => call("POST", `/guilds/${guild}/channels`, { name, type: 2, parent_id: category })
      assert.strictEqual((yield* create("room")).status, 201)
      assert.strictEqual((yield* create("room")).status, 201)
      const room = yield* discord.channel("room")
      const guest = yield* discord.join({ user: "guest", channel: "room" })
      const there = Effect.map(
        discord.snapshot,
        ({ voiceStates }) => voiceStates.find(({ userId }) => userId === guest.userId)?.channelId
      )
      assert.strictEqual(yield* there, room)
      const another = (yield* discord.snapshot).channels.find(({ id, name }) => name === "room" && id !== room)
      assert.strictEqual(yield* discord.channel(another?.id ?? ""), another?.id)
      assert.strictEqual((yield* call("DELETE", `/channels/${room}`)).status, 200)
      assert.deepInclude(yield* reason(discord.channel("room")), { _tag: "UnknownName", name: "room" })
      assert.isUndefined(yield* there)
      yield* discord.createChannel({ name: "room" })
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory())))

  it.effect("streams joins, moves and leaves", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const happenings = yield* discord.happenings.pipe(
        Stream.take(3),
        Stream.runCollect,
        Effect.forkChild({ startImmediately: true })
      )
      const guest = yield* discord.join({ user: "guest", channel: "lobby" })
      yield* discord.faults.moveUser("guest", "stage")
      yield* guest.leave
      const { userId } = guest
      const guildId = yield* discord.guild("guild")
      const lobby = yield* discord.channel("lobby")
      const stage = yield* discord.channel("stage")
      assert.deepStrictEqual(yield* Fiber.join(happenings), [
        { _tag: "Joined", userId, guildId, channelId: lobby },
        { _tag: "Moved", userId, guildId, from: lobby, channelId: stage },
        { _tag: "Left", userId, guildId, channelId: stage }
      ])
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory())))

  it.effect("accepts both names and ids as handles, and refuses a name that is taken", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const guild = yield* discord.createGuild({ name: "second", id: "77" })
      assert.strictEqual(guild, "77")
      const channel = yield* discord.createChannel({ guild: "77", name: "den", userLimit: 1 })
      assert.strictEqual(yield* discord.channel(channel), channel)
      const user = yield* discord.createUser({ name: "ann", token: "ann's token" })
      assert.strictEqual(Redacted.value(user.token), "ann's token")
      assert.strictEqual((yield* discord.user(user.id)).id, user.id)

      assert.deepInclude(yield* reason(discord.createGuild({ name: "guild" })), { _tag: "NameTaken", kind: "guild" })
      assert.deepInclude(yield* reason(discord.createChannel({ name: "den" })), { _tag: "NameTaken", kind: "channel" })
      assert.deepInclude(yield* reason(discord.createUser({ name: "ann" })), { _tag: "NameTaken", kind: "user" })
      assert.deepInclude(yield* reason(discord.createUser({ name: "x", id: user.id })), { _tag: "InvalidOption" })
      assert.deepInclude(yield* reason(discord.createUser({ name: "x", id: "me" })), { _tag: "InvalidOption" })
      for (const token of ["", "ann's token"]) {
        assert.deepInclude(yield* reason(discord.createUser({ name: "x", token })), {
          _tag: "InvalidOption",
          option: "token"
        })
      }
      const unknown = yield* Effect.flip(discord.channel("loby"))
      assert.deepInclude(unknown.reason, { _tag: "UnknownName", kind: "channel", name: "loby" })
      assert.include(unknown.message, "lobby, secure, stage, den")
      assert.deepInclude(yield* reason(discord.createChannel({ guild: "no", name: "x" })), { _tag: "UnknownName" })
    }).pipe(Effect.provide(Emulator.layerMemory())))

  it.effect("lets the options add to the default world and replace parts of it", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      assert.strictEqual(yield* discord.guild("guild"), "1")
      assert.strictEqual(yield* discord.channel("lobby"), "2")
      assert.strictEqual(Redacted.value((yield* discord.user("bot")).token), "token")
      const { channels, users } = yield* discord.snapshot
      assert.deepStrictEqual(channels.map(({ name }) => name), ["lobby", "secure", "stage", "den"])
      assert.strictEqual(channels.find(({ name }) => name === "secure")?.e2ee, "required")
      assert.deepStrictEqual(users.map(({ bot }) => bot), [false, true, false])
    }).pipe(Effect.provide(Emulator.layerMemory({
      world: {
        guilds: [{ name: "guild", id: "1" }],
        channels: [{ name: "lobby", id: "2" }, { name: "den" }],
        users: [{ name: "bot", token: "token" }, { name: "ann" }]
      }
    }))))

  it.effect("fails with the reason for invalid options", () =>
    Effect.gen(function*() {
      const start = (options: Emulator.EmulatorOptions) =>
        reason(Effect.provide(Emulator.Emulator, Emulator.layerMemory(options), { local: true }))
      assert.deepInclude(yield* start({ voiceServers: [] }), { _tag: "InvalidOption", option: "voiceServers" })
      assert.deepInclude(yield* start({ voiceServers: ["a", "a"] }), { _tag: "InvalidOption", option: "voiceServers" })
      for (const [name, value] of [["loss", 5], ["duplicate", -1], ["reorder", Number.NaN]] as const) {
        assert.deepInclude(yield* start({ network: { [name]: value } }), {
          _tag: "InvalidOption",
          option: `network.${name}`
        })
      }
      for (const name of ["latencyMs", "jitterMs", "reorderMs"]) {
        assert.deepInclude(yield* start({ network: { [name]: -1 } }), {
          _tag: "InvalidOption",
          option: `network.${name}`
        })
      }
      assert.deepInclude(yield* start({ world: { users: [{ name: "ann", id: "x" }] } }), { _tag: "InvalidOption" })
      assert.deepInclude(
        yield* start({ world: { channels: [{ name: "den", guild: "none" }] } }),
        { _tag: "UnknownName", kind: "guild" }
      )
    }))

  it.effect("carries frames from one participant to another at their media times", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const speaker = yield* discord.join({ user: "speaker", channel: "lobby" })
      const listener = yield* discord.join({ user: "listener", channel: "lobby" })
      const frames = Foreign.opus(50)
      const speaking = yield* Effect.forkScoped(speaker.speak(frames), { startImmediately: true })
      const waiting = yield* Effect.forkScoped(listener.awaitFrames(50), { startImmediately: true })
      yield* TestClock.adjust("979 millis")
      assert.isUndefined(waiting.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      const heard = yield* Fiber.join(waiting)
      assert.deepStrictEqual(heard.map(({ payload }) => payload), frames.map(({ data }) => data))
      assert.deepStrictEqual(heard.map(({ arrivalMs }) => arrivalMs), frames.map((_, index) => index * 20))
      assert.isUndefined(speaking.pollUnsafe())
      yield* TestClock.adjust("100 millis")
      yield* Fiber.join(speaking)
      const everything = yield* listener.heard
      assert.deepStrictEqual(everything.slice(50).map(({ payload }) => payload), Array(5).fill(silence))
      assert.isTrue(everything.every(({ silence }, index) => silence === (index >= 50)))
      assert.deepStrictEqual(yield* listener.awaitFrames(3), heard.slice(0, 3))
      assert.deepStrictEqual(yield* speaker.heard, [])
      assert.deepStrictEqual(yield* discord.violations, [])
      assert.deepStrictEqual(yield* discord.advice, [])
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory())))

  it.effect("lets a wait for frames be interrupted", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const listener = yield* discord.join({ user: "listener", channel: "lobby" })
      const waiting = yield* Effect.forkScoped(listener.awaitFrames(1), { startImmediately: true })
      yield* Fiber.interrupt(waiting)
      assert.deepStrictEqual(yield* listener.awaitFrames(0), [])
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory())))

  it.effect("says why a participant cannot join", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      yield* discord.createChannel({ name: "tiny", userLimit: 1 })
      yield* discord.join({ user: "first", channel: "tiny" })
      const full = yield* reason(discord.join({ user: "second", channel: "tiny" }))
      assert.deepInclude(full, { _tag: "NotJoinable", user: "second", detail: "the channel is full" })
      yield* discord.faults.deny("second", "lobby", { connect: true })
      const denied = yield* reason(discord.join({ user: "second", channel: "lobby" }))
      assert.strictEqual(
        denied._tag === "NotJoinable" ? denied.detail : "",
        "the user has no permission to connect there"
      )
      yield* discord.faults.deny("second", "lobby", {})
      yield* discord.join({ user: "second", channel: "lobby" })
      const nowhere = yield* reason(discord.join({ user: "second", channel: "nowhere" }))
      assert.deepInclude(nowhere, { _tag: "UnknownName", kind: "channel" })
      yield* discord.createChannel({ name: "words", kind: "text" })
      const text = yield* reason(discord.join({ user: "newcomer", channel: "words" }))
      assert.include(text._tag === "NotJoinable" ? text.detail : "", "it is a text channel")
      const parked = yield* reason(discord.faults.parkChannel("words"))
      assert.include(parked._tag === "NothingToDo" ? parked.detail : "", "is not a voice channel")
      const nobody = yield* reason(discord.join({ user: "", channel: "lobby" }))
      assert.deepInclude(nobody, { _tag: "InvalidOption", option: "name" })
      const { id } = yield* discord.user("bot")
      for (const user of ["bot", id]) {
        const bot = yield* reason(discord.join({ user, channel: "lobby" }))
        assert.include(bot._tag === "NotJoinable" ? bot.detail : "", "this user is the bot")
      }
      yield* discord.createUser({ name: "other", bot: true })
      yield* discord.join({ user: "other", channel: "lobby" })
      yield* Effect.forkScoped(Layer.launch(discord.layerGateway("third")), { startImmediately: true })
      yield* discord.settle
      yield* TestClock.adjust("1 second")
      const client = yield* reason(discord.join({ user: "third", channel: "lobby" }))
      assert.include(client._tag === "NotJoinable" ? client.detail : "", "a client has logged in as this user")
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory())))

  it.effect("has one participant of a user in a guild, who is replaced only on request", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      yield* discord.createGuild({ name: "elsewhere" })
      yield* discord.createChannel({ name: "far", guild: "elsewhere" })
      yield* discord.createChannel({ name: "other" })
      const inVoice = Effect.map(
        discord.snapshot,
        ({ voiceStates }) => voiceStates.map(({ channelId }) => channelId)
      )
      const [lobby, other, far] = yield* Effect.all(["lobby", "other", "far"].map(discord.channel))
      const first = yield* discord.join({ user: "guest", channel: "lobby" })
      for (const user of ["guest", first.userId]) {
        for (const channel of ["lobby", "other"]) {
          const refused = yield* reason(discord.join({ user, channel }))
          assert(refused._tag === "NotJoinable")
          assert.include(refused.detail, "is already in voice in this guild")
        }
      }
      assert.deepStrictEqual(yield* inVoice, [lobby])
      const waiting = yield* Effect.forkScoped(reason(first.awaitFrames(1)), { startImmediately: true })
      const second = yield* discord.join({ user: "guest", channel: "other", replace: true })
      assert.strictEqual((yield* Fiber.join(waiting))._tag, "NotInVoice")
      assert.deepStrictEqual(yield* inVoice, [other])
      // another guild, and whoever has left, is another matter
      yield* discord.join({ user: "guest", channel: "far" })
      yield* second.leave
      yield* discord.join({ user: "guest", channel: "lobby" })
      yield* discord.faults.kick("guest", { guild: "guild" })
      yield* Effect.scoped(discord.join({ user: "guest", channel: "other" }))
      yield* discord.join({ user: "guest", channel: "lobby" })
      assert.sameMembers([...yield* inVoice], [lobby, far])
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory())))

  it.effect("warns of a new bot whose name looks like a misspelling", () => {
    const said: Array<unknown> = []
    return Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const launch = <A, E>(layer: Layer.Layer<A, E>) =>
        Effect.andThen(
          Effect.forkScoped(Layer.launch(layer), { startImmediately: true }),
          Effect.andThen(discord.settle, TestClock.adjust("1 second"))
        )
      for (const name of ["bot", "another bot", "bot 2"]) yield* launch(discord.layerGateway(name))
      assert.deepStrictEqual(said, [])
      yield* launch(discord.layerVoice("bto"))
      assert.lengthOf(said, 1)
      assert.include(String(said[0]), "new bot \"bto\"")
      assert.include(String(said[0]), "\"bot\"")
      // it is known by now
      yield* launch(discord.layerVoice("bto"))
      assert.lengthOf(said, 1)
      yield* discord.createUser({ name: "boot", bot: true })
      // whoever did not see the warning is told here who is there instead
      const { message } = yield* Effect.flip(discord.command({ name: "play", bot: "boot" }))
      assert.include(message, "\"boot\" is not logged in, but \"bot\", \"another bot\", \"bot 2\" and \"bto\" are")
      yield* launch(discord.layerGateway("boot"))
      assert.lengthOf(said, 1)
    }).pipe(
      Effect.scoped,
      Effect.provide([Emulator.layerMemory(), Logger.layer([Logger.make(({ message }) => said.push(message))])])
    )
  })

  it.effect("makes a participant leave when its scope closes, once", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const present = Effect.map(discord.snapshot, ({ voiceStates }) => voiceStates.length)
      const scope = yield* Scope.make()
      const guest = yield* Scope.provide(discord.join({ user: "guest", channel: "lobby" }), scope)
      assert.strictEqual(yield* present, 1)
      yield* guest.leave
      yield* guest.leave
      assert.strictEqual(yield* present, 0)
      yield* Scope.close(scope, Exit.void)
      const again = yield* Scope.make()
      yield* Scope.provide(discord.join({ user: "guest", channel: "lobby" }), again)
      assert.strictEqual(yield* present, 1)
      yield* Scope.close(again, Exit.void)
      assert.strictEqual(yield* present, 0)
    }).pipe(Effect.provide(Emulator.layerMemory())))

  it.effect("allows a participant's scope to close after the emulator has ended", () =>
    Emulator.Emulator.use((discord) => discord.join({ user: "guest", channel: "lobby" })).pipe(
      Effect.provide(Emulator.layerMemory())
    ))

  it.effect("fails a speaker that is moved, loses its voice server or is kicked", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const guest = yield* discord.join({ user: "guest", channel: "lobby" })
      yield* discord.createChannel({ name: "other" })
      for (
        const end of [
          discord.faults.moveUser("guest", "other"),
          discord.faults.moveServer("other", { region: "two" }),
          discord.faults.kick("guest")
        ]
      ) {
        // The second one has not started yet when the fault happens.
        const speaking = yield* Effect.forEach([50, 50], (count) =>
          Effect.forkScoped(reason(guest.speak(Foreign.opus(count))), { startImmediately: true }))
        yield* TestClock.adjust("500 millis")
        yield* end
        for (const fiber of speaking) {
          assert.strictEqual((yield* Fiber.join(fiber))._tag, "NotInVoice")
        }
        yield* TestClock.adjust("10 seconds")
      }
      assert.strictEqual(yield* guest.ssrc, 0)
      assert.strictEqual((yield* reason(guest.speak(Foreign.opus(1))))._tag, "NotInVoice")
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory())))

  it.effect("lets a speaker with `throughMoves` continue where it left off when its server or channel changes", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const ear = yield* discord.join({ user: "ear", channel: "lobby" })
      const guest = yield* discord.join({ user: "guest", channel: "lobby" })
      yield* discord.createChannel({ name: "other" })
      const frames = Foreign.opus(200)
      const speaking = yield* Effect.forEach(
        [frames.slice(0, 150), frames.slice(150)],
        (part) =>
          Effect.forkScoped(Effect.result(guest.speak(part, { throughMoves: true })), { startImmediately: true })
      )
      for (
        const fault of [
          discord.faults.moveServer("lobby", { region: "two" }),
          discord.faults.parkChannel("lobby"),
          discord.faults.moveServer("lobby"),
          Effect.andThen(discord.faults.moveUser("guest", "other"), discord.faults.moveUser("guest", "lobby"))
        ]
      ) {
        yield* TestClock.adjust("490 millis")
        yield* fault
      }
      yield* TestClock.adjust("5 seconds")
      for (const fiber of speaking) assert.isTrue(Result.isSuccess(yield* Fiber.join(fiber)))
      const all = frames.map(({ data }) => Buffer.from(data).toString("hex"))
      const heard = (yield* ear.heard).filter(({ silence }) => !silence).map(({ payload }) =>
        all.indexOf(Buffer.from(payload).toString("hex"))
      )
      // The listener is moving as well and may be back one frame later.
      assert.isAtLeast(heard.length, 197)
      assert.deepStrictEqual(heard, Array.from(new Set(heard)).toSorted((one, other) => one - other))

      const last = yield* Effect.forkScoped(reason(guest.speak(frames, { throughMoves: true })), {
        startImmediately: true
      })
      yield* TestClock.adjust("490 millis")
      yield* discord.faults.kick("guest")
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(last))._tag, "NotInVoice")
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory())))

  it.effect("fails what a participant is saying when it leaves or its scope closes", () =>
    Effect.gen(function*() {
      const speaking = Effect.fnUntraced(function*(user: string) {
        const discord = yield* Emulator.Emulator
        const scope = yield* Scope.make()
        const guest = yield* Scope.provide(discord.join({ user, channel: "lobby" }), scope)
        const fiber = yield* Effect.forkDetach(reason(guest.speak(Foreign.opus(50))), { startImmediately: true })
        return { guest, fiber, scope }
      })
      const { closing, leaving, outliving } = yield* Effect.all({
        closing: speaking("one"),
        leaving: speaking("two"),
        outliving: speaking("three")
      }).pipe(
        Effect.tap(({ closing, leaving }) =>
          Effect.andThen(Scope.close(closing.scope, Exit.void), leaving.guest.leave)
        ),
        Effect.provide(Emulator.layerMemory())
      )
      // The emulator has ended by now and carries nothing out any more.
      yield* Scope.close(outliving.scope, Exit.void)
      for (const { fiber } of [closing, leaving, outliving]) {
        assert.strictEqual((yield* Fiber.join(fiber))._tag, "NotInVoice")
      }
    }))

  it.effect("ends everything that still waits when the emulator has closed", () =>
    Effect.gen(function*() {
      const { asking, happenings, speaking, waiting } = yield* Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        const outliving = yield* Scope.make()
        const guest = yield* Scope.provide(discord.join({ user: "guest", channel: "lobby" }), outliving)
        const rule = yield* Scope.provide(discord.faults.when({ point: "voice-in" }, "drop"), outliving)
        const detached = Effect.forkDetach({ startImmediately: true })
        return {
          speaking: yield* detached(reason(guest.speak(Foreign.opus(50)))),
          waiting: [
            yield* detached(Effect.exit(Effect.asVoid(guest.awaitFrames(1)))),
            yield* detached(Effect.exit(rule.awaitHits()))
          ],
          happenings: yield* detached(Stream.runCollect(discord.happenings)),
          asking: [Effect.asVoid(guest.awaitFrames(1)), rule.awaitHits()]
        }
      }).pipe(Effect.provide(Emulator.layerMemory()))
      assert.deepInclude(yield* Fiber.join(speaking), { _tag: "NotInVoice", detail: "the emulator has closed" })
      assert.deepStrictEqual(yield* Fiber.join(happenings), [])
      for (const exit of [...yield* Fiber.joinAll(waiting), ...yield* Effect.forEach(asking, Effect.exit)]) {
        assert.include(
          String(Exit.isFailure(exit) ? Cause.squash(exit.cause) : exit),
          "The scope of the emulator has closed."
        )
      }
    }))

  it.effect("fails waits for frames once the participant's scope has closed, and for hits once the fault has ended", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const scope = yield* Scope.make()
      const guest = yield* Scope.provide(discord.join({ user: "guest", channel: "lobby" }), scope)
      const rules = yield* Scope.provide(
        Effect.all([
          discord.faults.when({ point: "voice-in" }, "drop"),
          discord.faults.when({ point: "rest" }, "drop")
        ]),
        scope
      )
      const [stopped, closed] = rules
      const waits = [Effect.asVoid(guest.awaitFrames(1)), closed.awaitHits(), stopped.awaitHits(2)]
      const waiting = yield* Effect.forEach(
        waits,
        (wait) => Effect.forkScoped(Effect.exit(wait), { startImmediately: true })
      )
      yield* stopped.stop
      yield* Scope.close(scope, Exit.void)
      const before = yield* Fiber.joinAll(waiting)
      const after = yield* Effect.forEach(waits, Effect.exit)
      for (const exits of [before, after]) {
        assert.deepStrictEqual(exits.map((exit) => Exit.isFailure(exit) ? String(Cause.squash(exit.cause)) : exit), [
          "Error: \"guest\" has left, and no longer hears anything.",
          "Error: The fault has ended after acting 0 times, not 1.",
          "Error: The fault has ended after acting 0 times, not 2."
        ])
      }
      assert.deepStrictEqual(yield* guest.awaitFrames(0), [])
      yield* closed.awaitHits(0)
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory())))

  it.effect("fails waits for frames of a participant that is no longer in voice", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const { faults } = discord
      yield* discord.createChannel({ name: "other" })
      const leavings: ReadonlyArray<
        readonly [
          channel: string,
          (guest: Emulator.Participant) => Effect.Effect<unknown, Emulator.EmulatorError, Scope.Scope>
        ]
      > = [
        ["lobby", () => faults.kick("guest")],
        ["lobby", (guest) => guest.leave],
        ["other", () => faults.deleteChannel("other")],
        ["lobby", () => discord.join({ user: "guest", channel: "stage", replace: true })],
        ["lobby", () => faults.removeFromGuild("guest")]
      ]
      for (const [channel, leave] of leavings) {
        const guest = yield* discord.join({ user: "guest", channel, replace: true })
        const waiting = yield* Effect.forkScoped(reason(guest.awaitFrames(1)), { startImmediately: true })
        // The participant is still there while its server changes.
        yield* faults.moveServer(channel)
        assert.isUndefined(waiting.pollUnsafe())
        yield* leave(guest)
        const gone = {
          _tag: "NotInVoice" as const,
          detail: "the user left or was removed, and no longer hears anything"
        }
        assert.deepInclude(yield* Fiber.join(waiting), gone)
        assert.deepInclude(yield* reason(guest.awaitFrames(1)), gone)
        assert.deepStrictEqual(yield* guest.awaitFrames(0), [])
      }
    }).pipe(Effect.scoped, Effect.provide(Emulator.layerMemory())))

  it.effect("reports a fault that finds nothing to do", () =>
    Effect.gen(function*() {
      const { faults } = yield* Emulator.Emulator
      const nothing = (effect: Effect.Effect<void, Emulator.EmulatorError>) =>
        Effect.map(reason(effect), (found) => assert.strictEqual(found._tag, "NothingToDo"))
      yield* nothing(faults.kick("bot"))
      yield* nothing(faults.moveUser("bot", "secure"))
      yield* nothing(faults.closeVoice("bot", 4006))
      yield* nothing(faults.terminateVoice("bot"))
      yield* nothing(faults.dropGatewaySession("bot"))
      yield* nothing(faults.reconnectGateway("bot"))
      yield* nothing(faults.closeGateway("bot", 4000))
      yield* nothing(faults.terminateGateway("bot"))
      yield* nothing(faults.muteUser("bot", { mute: true }))
      yield* nothing(faults.suppressUser("bot", false))
      yield* nothing(faults.moveServer("lobby", { region: "three" }))
      assert.strictEqual((yield* reason(faults.kick("nobody")))._tag, "UnknownName")
      assert.strictEqual((yield* reason(faults.deleteChannel("nowhere")))._tag, "UnknownName")
    }).pipe(Effect.provide(Emulator.layerMemory())))

  describe("faults", () => {
    /** A foreign bot in the lobby, with its connections to the main gateway and to the voice gateway. */
    const withBot = <A, E>(
      body: (bot: Effect.Success<ReturnType<typeof enter>>) => Effect.Effect<A, E, Scope.Scope>,
      options?: Emulator.MemoryOptions
    ) =>
      Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        const entering = yield* Effect.forkScoped(enter(yield* Foreign.transportWire), { startImmediately: true })
        yield* discord.settle
        yield* body(yield* Fiber.join(entering))
      }).pipe(Effect.scoped, Effect.provide(memory(options)))

    const dispatch = (bot: { main: { socket: Foreign.Socket } }, t: string) =>
      Effect.map(Foreign.expect(bot.main.socket, t, (message) => message.t === t), ({ d }) => d)

    it.effect("moves a channel to the next voice server, or to the server of a region", () =>
      withBot((bot) =>
        Effect.gen(function*() {
          yield* bot.discord.faults.moveServer("lobby")
          assert.strictEqual((yield* Foreign.expectClose(bot.voice.socket)).closed, 4022)
          assert.strictEqual((yield* dispatch(bot, "VOICE_SERVER_UPDATE")).endpoint, "ws://voice-2.emulator")
          yield* bot.discord.faults.moveServer("lobby", { region: "one", nullEndpointFirst: true, delayMs: 3000 })
          assert.isNull((yield* dispatch(bot, "VOICE_SERVER_UPDATE")).endpoint)
          yield* TestClock.adjust("3 seconds")
          assert.strictEqual((yield* dispatch(bot, "VOICE_SERVER_UPDATE")).endpoint, "ws://voice-1.emulator")
        })
      ))

    it.effect("kicks, moves, closes and terminates connections by the user's name", () =>
      withBot((bot) =>
        Effect.gen(function*() {
          const { faults } = bot.discord
          yield* faults.closeVoice("bot", 4015, "crashed")
          assert.deepStrictEqual(yield* Foreign.expectClose(bot.voice.socket), { closed: 4015, reason: "crashed" })
          yield* faults.moveUser("bot", "secure")
          const moved = yield* bot.discord.snapshot
          assert.strictEqual(moved.voiceStates[0]?.channelId, yield* bot.discord.channel("secure"))
          yield* faults.kick("bot")
          assert.deepStrictEqual((yield* bot.discord.snapshot).voiceStates, [])
          yield* faults.terminateGateway("bot")
          assert.strictEqual((yield* Foreign.expectClose(bot.main.socket)).closed, 1006)
        })
      ))

    it.effect("cuts the voice connection without a close frame", () =>
      withBot((bot) =>
        Effect.gen(function*() {
          yield* bot.discord.faults.terminateVoice("bot")
          assert.strictEqual((yield* Foreign.expectClose(bot.voice.socket)).closed, 1006)
        })
      ))

    it.effect("frees the name of a deleted channel", () =>
      withBot((bot) =>
        Effect.gen(function*() {
          yield* bot.discord.faults.deleteChannel("lobby")
          assert.strictEqual((yield* Foreign.expectClose(bot.voice.socket)).closed, 4022)
          assert.strictEqual((yield* reason(bot.discord.channel("lobby")))._tag, "UnknownName")
          yield* bot.discord.createChannel({ name: "lobby" })
        })
      ))

    it.effect("consults a fault for every datagram until its scope closes", () =>
      withBot((bot) =>
        Effect.gen(function*() {
          const guest = yield* bot.discord.join({ user: "guest", channel: "lobby" })
          const say = (byte: number) =>
            Effect.andThen(
              Effect.sync(() => bot.voice.speak(Uint8Array.of(0xfc, byte))),
              TestClock.adjust("20 millis")
            )
          yield* say(1)
          yield* Effect.scoped(Effect.gen(function*() {
            yield* bot.discord.faults.add(({ point }) => point === "datagram-in" ? { _tag: "Drop" } : undefined)
            yield* say(2)
          }))
          yield* say(3)
          yield* bot.discord.settle
          assert.deepStrictEqual((yield* guest.awaitFrames(2)).map(({ payload }) => payload[1]), [1, 3])
        })
      ))
  })

  it.effect("reports a client's violations separately from advice", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const wire = yield* Foreign.transportWire
      const socket = yield* wire.webSocket(`${discord.urls.gateway}/?v=10&encoding=json`)
      socket.send(JSON.stringify({ op: 4, d: {} }))
      yield* discord.settle
      const [violation, ...others] = yield* discord.violations
      assert.strictEqual(violation?.severity, "violation")
      assert.deepStrictEqual(others, [])
      assert.isTrue((yield* discord.advice).every(({ severity }) => severity === "advice"))
    }).pipe(Effect.scoped, Effect.provide(memory())))

  it.effect("answers REST requests without a socket", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const { token } = yield* discord.user("bot")
      const answer = yield* discord.rest({
        method: "GET",
        path: "/gateway/bot",
        authorization: `Bot ${Redacted.value(token)}`,
        body: undefined
      })
      assert.strictEqual(answer.status, 200)
      assert.deepInclude(answer.body, { url: "ws://gateway.emulator" })
      const headers = { authorization: `Bot ${Redacted.value(token)}` }
      const response = yield* Effect.promise(() => discord.fetch(`${discord.urls.rest}/gateway/bot`, { headers }))
      assert.strictEqual(response.status, 200)
      assert.deepInclude(yield* Effect.promise(() => response.json()), { url: "ws://gateway.emulator" })
    }).pipe(Effect.provide(Emulator.layerMemory())))

  it.effect("behaves like the Discord of 2022 with the profile \"2022\"", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const wire = yield* Foreign.transportWire
      const voice = yield* wire.webSocket("ws://voice-1.emulator")
      yield* discord.settle
      assert.notInclude(String(yield* Effect.map(Foreign.expectAny(voice), String)), "\"op\":8")
    }).pipe(Effect.scoped, Effect.provide(memory({ profile: "2022" }))))

  describe("layerGateway", () => {
    const joined = Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const gateway = yield* Gateway.Gateway
      const { id } = yield* discord.user("bot")
      assert.strictEqual(yield* gateway.userId, id)
      const events = yield* gateway.subscribe
      yield* gateway.updateVoiceState({
        guild_id: yield* discord.guild("guild"),
        channel_id: yield* discord.channel("lobby"),
        self_mute: false,
        self_deaf: false
      })
      const both = yield* events.pipe(Stream.take(2), Stream.runCollect)
      assert.deepStrictEqual(both.map(({ _tag }) => _tag), ["VoiceState", "VoiceServer"])
      assert.deepStrictEqual(yield* discord.violations, [])
      return both
    })

    const withGateway = (user: string) =>
      Layer.unwrap(Emulator.Emulator.useSync((discord) => discord.layerGateway(user)))

    it.effect("provides this library's gateway client in memory", () =>
      Effect.gen(function*() {
        const fiber = yield* Effect.forkScoped(joined, { startImmediately: true })
        yield* Emulator.Emulator.use((discord) => discord.settle)
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(fiber)
      }).pipe(Effect.scoped, Effect.provide(withGateway("bot").pipe(Layer.provideMerge(Emulator.layerMemory())))))

    it.live("provides this library's gateway client over TLS on loopback", () =>
      joined.pipe(
        Effect.scoped,
        Effect.provide(withGateway("bot").pipe(Layer.provideMerge(Emulator.layer({ tls: true }))))
      ))

    it.effect("subscribes to the given intents", () =>
      Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        const intents = GatewayPayload.voiceIntents | GatewayPayload.Intents.GuildModeration
        const context = yield* Layer.build(discord.layerVoice("moderator", { intents }))
        const dispatches = yield* Context.get(context, Gateway.Dispatches).subscribe
        const told = yield* Effect.forkScoped(Stream.runHead(dispatches.pipe(
          Stream.filter(({ t }) => t === "GUILD_AUDIT_LOG_ENTRY_CREATE")
        )))
        yield* discord.settle
        yield* TestClock.adjust("1 second")
        yield* discord.join({ user: "guest", channel: "lobby" })
        yield* discord.faults.kick("guest")
        yield* TestClock.adjust("1 second")
        assert.isDefined(told.pollUnsafe())
      }).pipe(
        Effect.scoped,
        Effect.provide(Emulator.layerMemory({ world: { users: [{ name: "moderator", bot: true, moderator: true }] } }))
      ))

    it.live("creates a bot that does not exist yet", () =>
      Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        const gateway = yield* Gateway.Gateway
        const userId = yield* gateway.userId
        assert.strictEqual(userId, (yield* discord.user("other")).id)
        const other = (yield* discord.snapshot).users.find(({ id }) => id === userId)
        assert.deepInclude(other, { name: "other", bot: true })
      }).pipe(Effect.provide(withGateway("other").pipe(Layer.provideMerge(Emulator.layer())))))
  })
})
