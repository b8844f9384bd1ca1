import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { Intents } from "../../../../src/protocol/GatewayPayload.ts"
import * as Harness from "../Harness.ts"
import { pair, sessionId, story, token } from "../Harness.ts"

describe("VoiceStates join", () => {
  it("sends a state to everyone who listens, and a server with a valid token to the client that joins", () => {
    const h = Harness.make()
    const client = h.login()
    const watcher = h.login({ token: h.core.createUser({ name: "watcher" }).token })
    const deaf = h.login({ token: h.core.createUser({ name: "other bot" }).token, intents: Intents.Guilds })
    const stranger = h.login({ token: h.core.createUser({ name: "stranger", guilds: [] }).token })
    h.join(client, h.lobby, { deaf: true })
    assert.deepStrictEqual(Harness.names(client.take()), pair)
    assert.deepStrictEqual(Harness.names(watcher.take()), ["VOICE_STATE_UPDATE"])
    assert.deepStrictEqual([deaf.take(), stranger.take()], [[], []])
    const [state] = client.events("VOICE_STATE_UPDATE")
    assert.deepInclude(state, {
      guild_id: h.guildId,
      channel_id: h.lobby,
      user_id: h.bot.id,
      self_deaf: true,
      self_mute: false,
      suppress: false
    })
    assert.match(String(state?.["session_id"]), /^[0-9a-f]{32}$/)
    assert.strictEqual(state?.["session_id"], client.events("READY")[0]?.["session_id"])
    const [server] = client.events("VOICE_SERVER_UPDATE")
    assert.deepInclude(server, { guild_id: h.guildId, endpoint: "voice1.test:2048" })
    assert.strictEqual(h.core.snapshot().channels[0]?.server, 1)
    assert.deepStrictEqual(h.grant(token(client)), {
      guildId: h.guildId,
      channelId: h.lobby,
      userId: h.bot.id,
      sessionId: String(state?.["session_id"]),
      token: token(client),
      server: 1,
      e2ee: "required"
    })
    assert.deepStrictEqual(h.core.verdicts(), [])
  })

  it("is ignored for full, forbidden and unknown channels, and leaves the user where it was", () => {
    const h = Harness.make()
    const client = h.login()
    const full = h.core.createChannel({ guildId: h.guildId, name: "full", userLimit: 1 })
    const secret = h.core.createChannel({ guildId: h.guildId, name: "secret" })
    if (full === undefined || secret === undefined) throw new Error("no channel")
    const guest = h.core.createUser({ name: "guest" })
    h.core.participants.join({ userId: guest.id, channelId: full })
    h.join(client, h.lobby)
    client.take()
    h.join(client, full)
    for (const denial of [{ connect: true }, { view: true }]) {
      h.core.deny({ userId: h.bot.id, channelId: secret, ...denial })
      h.join(client, secret)
    }
    client.send({ op: 4, d: { guild_id: "1", channel_id: h.lobby, self_mute: false, self_deaf: false } })
    const elsewhere = h.core.createChannel({ guildId: h.core.createGuild({ name: "second" }), name: "elsewhere" })
    client.take()
    for (const channel_id of ["1", elsewhere]) {
      client.send({ op: 4, d: { guild_id: h.guildId, channel_id, self_mute: false, self_deaf: false } })
    }
    assert.deepStrictEqual(client.take(), [])
    assert.deepStrictEqual(h.core.snapshot().voiceStates.map((state) => state.channelId), [full, h.lobby])
    const counters = h.core.counters()
    assert.deepStrictEqual(
      ["channel-full", "no-permission", "unknown-guild", "unknown-channel"].map((why) =>
        counters.get(`voice-state-ignored:${why}`)
      ),
      [1, 2, 1, 2]
    )

    h.core.deny({ userId: h.bot.id, channelId: secret })
    assert.deepStrictEqual(Harness.names(client.take()), ["CHANNEL_UPDATE"])
    h.join(client, secret)
    assert.deepStrictEqual(Harness.names(client.take()), pair)
    h.core.setModerator(h.bot.id, true)
    h.join(client, full)
    assert.deepStrictEqual(Harness.names(client.take()), pair)
    assert.deepStrictEqual(
      h.core.participants.join({ userId: guest.id, channelId: "1" as typeof full }),
      Result.fail("unknown-channel")
    )
  })

  it("without GUILD_VOICE_STATES sends only the server, and advice once", () => {
    const h = Harness.make()
    const client = h.login({ intents: Intents.Guilds })
    h.join(client, h.lobby)
    h.join(client, h.other)
    assert.deepStrictEqual(Harness.names(client.take()), ["VOICE_SERVER_UPDATE", "VOICE_SERVER_UPDATE"])
    assert.deepStrictEqual([h.advice(), h.violations()], [["missing-intents"], []])
  })

  it("into a stage suppresses the user, unless it is a moderator", () => {
    const h = Harness.make()
    const stage = h.core.createChannel({ guildId: h.guildId, name: "stage", kind: "stage", e2ee: "required" })
    if (stage === undefined) throw new Error("no channel")
    const client = h.login()
    h.join(client, stage)
    assert.deepInclude(client.events("VOICE_STATE_UPDATE")[0], { suppress: true })
    assert.strictEqual(h.grant(token(client))?.e2ee, "never")
    assert.deepStrictEqual([h.hooks.speaks?.(h.bot.id, h.guildId), h.hooks.speaks?.(h.bot.id, h.guildId)], [
      false,
      false
    ])
    assert.deepStrictEqual(h.advice(), ["suppressed-audio"])
    assert.isTrue(h.core.suppressUser(h.bot.id, false))
    assert.isTrue(h.hooks.speaks?.(h.bot.id, h.guildId))
    const suppressed = () => client.events("VOICE_STATE_UPDATE").at(-1)?.["suppress"]
    h.core.moveUser(h.bot.id, h.lobby)
    assert.isFalse(suppressed())
    h.core.moveUser(h.bot.id, stage)
    assert.isTrue(suppressed())
    h.core.setModerator(h.bot.id, true)
    h.join(client, h.lobby)
    h.join(client, stage)
    assert.isFalse(suppressed())
  })
})

describe("VoiceStates after a join", () => {
  it("send a state without a server when only the flags change", () => {
    const h = Harness.make()
    const client = h.login()
    h.join(client, h.lobby)
    const before = token(client)
    client.take()
    h.join(client, h.lobby, { mute: true, deaf: true })
    assert.deepStrictEqual(Harness.names(client.take()), ["VOICE_STATE_UPDATE"])
    assert.deepInclude(client.events("VOICE_STATE_UPDATE").at(-1), { self_mute: true, self_deaf: true })
    assert.isDefined(h.grant(before))
    assert.deepStrictEqual(h.revocations(), [])
  })

  it("send a new token for the same channel after the voice connection has ended, unless the profile says never", () => {
    for (const rejoinSameChannel of ["when-disconnected", "never"] as const) {
      const h = Harness.make({ profile: { rejoinSameChannel } })
      const client = h.login()
      h.join(client, h.lobby)
      const before = [sessionId(client), token(client)]
      h.hooks.onJoined?.(h.bot.id, h.guildId)
      h.hooks.onLeft?.(h.bot.id, 1006, h.guildId)
      client.take()
      h.join(client, h.lobby)
      const again = rejoinSameChannel === "never" ? ["VOICE_STATE_UPDATE"] : pair
      assert.deepStrictEqual(Harness.names(client.take()), again)
      assert.strictEqual(sessionId(client), before[0])
      assert.strictEqual(token(client) === before[1], rejoinSameChannel === "never")
      assert.strictEqual(h.grant(String(before[1])) === undefined, rejoinSameChannel === "when-disconnected")
      // Only once: changing flags before the client is connected again does not need another token.
      h.join(client, h.lobby, { mute: true })
      assert.deepStrictEqual(Harness.names(client.take()), ["VOICE_STATE_UPDATE"])
    }
  })

  it("keep the session id, change the token and close the old connection on a move to another channel", () => {
    const h = Harness.make({ profile: { moveCloseCode: 4022 } })
    const client = h.login()
    h.join(client, h.lobby)
    const before = [sessionId(client), token(client)]
    h.join(client, h.other)
    assert.deepStrictEqual(story(h, client), [...pair, "close 4022", ...pair])
    assert.strictEqual(sessionId(client), before[0])
    assert.notStrictEqual(token(client), before[1])
    assert.isUndefined(h.grant(String(before[1])))
    assert.strictEqual(h.grant(token(client))?.channelId, h.other)
  })

  it("send a null state and a close on leaving, and a new token with the same session id on coming back", () => {
    const h = Harness.make({ profile: { voiceCloseOrder: "event-first" } })
    const client = h.login()
    h.join(client, h.lobby)
    const before = sessionId(client)
    const old = token(client)
    h.join(client, null)
    h.join(client, null)
    assert.deepStrictEqual(story(h, client), [...pair, "VOICE_STATE_UPDATE", "close 4014"])
    assert.deepInclude(client.events("VOICE_STATE_UPDATE").at(-1), { channel_id: null, session_id: before })
    assert.isTrue(h.revocations()[0]?.voluntary)
    assert.isUndefined(h.grant(old))
    h.join(client, h.lobby)
    assert.strictEqual(sessionId(client), before)
    assert.strictEqual(client.events("READY")[0]?.["session_id"], before)
    assert.notStrictEqual(token(client), old)
    assert.strictEqual(h.core.counters().get("voice-state-ignored:not-in-voice"), 1)
  })

  it("let another gateway session of the same user take over, or remove the leftover state", () => {
    const h = Harness.make()
    const first = h.login()
    h.join(first, h.lobby)
    const second = h.login()
    h.join(second, h.lobby)
    assert.deepStrictEqual(Harness.names(second.take()), pair)
    assert.strictEqual(h.revocations().length, 1)
    assert.notStrictEqual(first.events("VOICE_STATE_UPDATE")[0]?.["session_id"], sessionId(second))
    assert.strictEqual(h.core.snapshot().voiceStates.length, 1)
    // The end of the first session does not affect the second.
    first.disconnect(1000)
    assert.strictEqual(h.core.snapshot().voiceStates.length, 1)
    // The user's own leftover state does not make a channel full.
    const narrow = h.core.createChannel({ guildId: h.guildId, name: "narrow", userLimit: 1 })
    if (narrow === undefined) throw new Error("no channel")
    h.join(second, narrow)
    const heir = h.login()
    h.join(heir, narrow)
    assert.deepStrictEqual(Harness.names(heir.take()), pair)
    const third = h.login()
    h.join(third, null)
    assert.deepStrictEqual(Harness.names(third.take()), ["VOICE_STATE_UPDATE"])
    assert.deepStrictEqual(h.core.snapshot().voiceStates, [])
  })
})

describe("VoiceStates of scripted participants", () => {
  const setup = () => {
    const h = Harness.make()
    const client = h.login()
    const guest = h.core.createUser({ name: "guest" })
    const joined = h.core.participants.join({ userId: guest.id, channelId: h.lobby })
    if (Result.isFailure(joined)) throw new Error(joined.failure)
    return { h, client, guest, participant: joined.success, calls: () => h.scripted[0]?.calls ?? [] }
  }

  it("change when they join, move and leave, visible to the others", () => {
    const { calls, client, guest, h, participant } = setup()
    const heard: Array<number> = []
    participant.onHeard((frame) => heard.push(frame.sequence))
    participant.speak([{ data: Uint8Array.of(1), samples: 960 }])
    assert.isTrue(participant.move(h.other))
    assert.strictEqual(participant.channelId, h.other)
    h.scripted[0]?.hear({
      userId: h.bot.id,
      ssrc: 1,
      sequence: 7,
      timestamp: 0,
      payload: Uint8Array.of(),
      arrivalMs: 0,
      silence: false,
      encrypted: false
    })
    assert.deepStrictEqual(heard, [7])
    participant.leave()
    participant.leave()
    participant.setSpeaking(1)
    assert.deepStrictEqual(calls(), [`join ${h.lobby} 1`, "speak 1", `move ${h.other} 1`, "leave"])
    assert.isUndefined(participant.channelId)
    assert.deepStrictEqual(
      client.events("VOICE_STATE_UPDATE").map((state) => [state["user_id"], state["channel_id"]]),
      [[guest.id, h.lobby], [guest.id, h.other], [guest.id, null]]
    )
    assert.strictEqual(h.core.counters().get("participant-without-server"), 1)
  })

  it("go to a voice server only when the main gateway has told of them, however late that is", () => {
    for (const voiceEventOrder of ["state-first", "server-first"] as const) {
      const h = Harness.make({ profile: { voiceEventDelayMs: 300, voiceEventGapMs: 50, voiceEventOrder } })
      const toldMs = voiceEventOrder === "state-first" ? 300 : 350
      const client = h.login()
      const guest = h.core.createUser({ name: "guest" })
      const joined = h.core.participants.join({ userId: guest.id, channelId: h.lobby })
      if (Result.isFailure(joined)) throw new Error(joined.failure)
      const places = () => client.events("VOICE_STATE_UPDATE").map((state) => state["channel_id"])
      h.core.advance(toldMs - 1)
      assert.deepStrictEqual([places(), h.scripted.length], [[], 0])
      assert.strictEqual(joined.success.ssrc, 0)
      h.core.advance(toldMs)
      assert.deepStrictEqual(places(), [h.lobby])
      const calls = h.scripted[0]?.calls ?? []
      assert.deepStrictEqual(calls, [`join ${h.lobby} 1`])
      h.core.moveUser(guest.id, h.other)
      h.core.advance(2 * toldMs - 1)
      assert.lengthOf(places(), 1)
      assert.lengthOf(calls, 1)
      h.core.advance(2 * toldMs)
      assert.lengthOf(places(), 2)
      assert.deepStrictEqual(calls, [`join ${h.lobby} 1`, `move ${h.other} 1`])
    }
  })

  it("go straight to where they are by the time the main gateway has told of them", () => {
    const h = Harness.make({ profile: { voiceEventDelayMs: 300 } })
    h.core.createVoiceServer({ region: "there", endpoint: "voice2.test:2048", udp: { address: "127.0.0.1", port: 2 } })
    const first = h.core.createUser({ name: "first" })
    const second = h.core.createUser({ name: "second" })
    h.core.participants.join({ userId: first.id, channelId: h.lobby })
    h.core.participants.join({ userId: second.id, channelId: h.lobby })
    h.core.advance(200)
    h.core.moveUser(first.id, h.other)
    h.core.moveServer(h.other)
    h.core.kick(second.id)
    h.core.advance(499)
    assert.deepStrictEqual(h.scripted, [])
    h.core.advance(1_000)
    assert.deepStrictEqual(h.scripted.map(({ calls }) => calls), [[`join ${h.other} 2`]])
  })

  it("show their flags and client, and keep them wherever they go", () => {
    const { calls, client, guest, h, participant } = setup()
    participant.setSelf({ mute: true, deaf: true })
    participant.setSelf({ deaf: false, video: true, streaming: true })
    participant.setClient({ flags: 2 })
    participant.setClient({ platform: null })
    participant.move(h.other)
    participant.setSelf({ video: false, streaming: false })
    h.core.kick(guest.id)
    participant.setSelf({ mute: false })
    participant.setClient({ flags: 4 })
    assert.deepStrictEqual(
      calls().filter((call) => call.startsWith("show")),
      ["show 0 0 true", "show 2 0 true", "show 2 null true", "show 2 null false"]
    )
    assert.deepStrictEqual(
      client.events("VOICE_STATE_UPDATE").map((state) =>
        ["self_mute", "self_deaf", "self_video", "self_stream"].filter((flag) => state[flag] === true)
      ),
      [
        [],
        ["self_mute", "self_deaf"],
        ["self_mute", "self_video", "self_stream"],
        ["self_mute", "self_video", "self_stream"],
        ["self_mute"],
        ["self_mute"]
      ]
    )
  })

  it("follow kicks and moves to another server, also after a null endpoint", () => {
    const { calls, guest, h } = setup()
    h.core.createVoiceServer({ region: "there", endpoint: "voice2.test:2048", udp: { address: "127.0.0.1", port: 2 } })
    h.core.moveServer(h.lobby)
    h.core.moveServer(h.lobby, { nullEndpointFirst: true, delayMs: 10 })
    h.core.advance(10)
    h.core.kick(guest.id)
    assert.deepStrictEqual(calls(), [`join ${h.lobby} 1`, `move ${h.lobby} 2`, "leave"])
    assert.deepStrictEqual(h.scripted[1]?.calls, [`join ${h.lobby} 1`, "leave"])
    assert.deepStrictEqual(h.core.snapshot().voiceStates, [])
    assert.deepStrictEqual(h.revocations(), [])
  })

  it("keep their misbehavior and their count of undecryptable frames when they change servers", async () => {
    const h = Harness.make()
    const guest = h.core.createUser({ name: "guest" })
    const joined = h.core.participants.join(
      { userId: guest.id, channelId: h.lobby },
      { e2ee: true, misbehave: { ready: "never" } }
    )
    if (Result.isFailure(joined)) throw new Error(joined.failure)
    const participant = joined.success
    assert.deepStrictEqual(h.scripted[0]?.encryption, { e2ee: true, misbehave: { ready: "never" } })
    participant.misbehave({ frames: "plain" })
    assert.include(h.scripted[0]?.calls ?? [], "misbehave frames")
    h.scripted[0]?.miss("no-key")
    assert.strictEqual(await participant.verificationCode(guest.id), `code of ${guest.id}`)
    h.core.moveServer(h.lobby, { nullEndpointFirst: true, delayMs: 10 })
    participant.misbehave({ epoch: "stale" })
    assert.isUndefined(participant.membership())
    assert.isUndefined(await participant.verificationCode(guest.id))
    h.core.advance(10)
    assert.deepStrictEqual(h.scripted[1]?.encryption, { e2ee: true, misbehave: { epoch: "stale" } })
    h.scripted[1]?.miss("no-key")
    h.scripted[1]?.miss("unencrypted")
    assert.deepStrictEqual(Array.from(participant.undecryptable()), [["no-key", 2], ["unencrypted", 1]])
    assert.deepStrictEqual(h.core.participants.inChannel(h.lobby), [participant])
    assert.deepStrictEqual(h.core.participants.inChannel(h.other), [])
    participant.leave()
    assert.deepStrictEqual(h.core.participants.inChannel(h.lobby), [])
  })

  it("refuse participants without encryption in a channel that requires it, unless the profile has none", () => {
    for (const e2ee of [true, false]) {
      const h = Harness.make({ profile: { e2ee } })
      const guest = h.core.createUser({ name: "guest" })
      const secure = h.core.createChannel({ guildId: h.guildId, name: "secure", e2ee: "required" })
      if (secure === undefined) throw new Error("no channel")
      const joined = h.core.participants.join({ userId: guest.id, channelId: secure }, { e2ee: false })
      assert.strictEqual(Result.isFailure(joined) ? joined.failure : "joined", e2ee ? "e2ee-required" : "joined")
    }
  })

  it("remove participants without encryption when they are moved to a channel that requires it", () => {
    for (const e2ee of [true, false]) {
      const h = Harness.make({ profile: { e2ee, channelE2ee: "optional" } })
      const guest = h.core.createUser({ name: "guest" })
      const secure = h.core.createChannel({ guildId: h.guildId, name: "secure", e2ee: "required" })
      if (secure === undefined) throw new Error("no channel")
      const joined = h.core.participants.join({ userId: guest.id, channelId: h.lobby }, { e2ee: false })
      assert(Result.isSuccess(joined))
      assert.isTrue(h.core.moveUser(guest.id, h.other))
      assert.strictEqual(joined.success.channelId, h.other)
      assert.isTrue(h.core.moveUser(guest.id, secure))
      assert.strictEqual(joined.success.channelId, e2ee ? undefined : secure)
    }
  })
})
