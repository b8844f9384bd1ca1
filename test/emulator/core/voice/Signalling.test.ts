import { assert, describe, it } from "@effect/vitest"
import { type Profile, today, year2022 } from "../../../../src/emulator/core/Profile.ts"
import type { VoiceVersion } from "../../../../src/protocol/VoicePayload.ts"
import { channelId, field, guildId, makeClient, makeWorld, otherChannelId, server, silence } from "./kit.ts"

const everyVersion: Profile = { ...today, versions: [1, 2, 3, 4, 5, 6, 7, 8, 9] }
const versions: ReadonlyArray<VoiceVersion> = [1, 2, 3, 4, 5, 6, 7, 8, 9]

describe("Signalling", () => {
  describe("handshake", () => {
    it.each(versions)("works in version %i", (version) => {
      const world = makeWorld(everyVersion)
      const client = makeClient(world, "1", { version })
      world.grant("1")
      client.connect()
      const interval = 13_750
      assert.deepStrictEqual<unknown>(
        client.messages(),
        version < 3 ? [{ heartbeat_interval: interval }] : [{ op: 8, d: { v: version, heartbeat_interval: interval } }]
      )
      client.send(3, version < 8 ? 42 : { t: 42, seq_ack: -1 })
      assert.deepStrictEqual<unknown>(client.news().at(-1), {
        op: version === 1 ? 3 : 6,
        d: version < 8 ? 42 : { t: 42 }
      })
      client.identify()
      const ready = client.last(2)
      client.takeReady()
      assert.deepStrictEqual(field(ready, "modes"), today.modes)
      assert.strictEqual(field(ready, "ip"), "10.0.0.1")
      assert.strictEqual(field(ready, "port"), 50_000)
      const stream = (field(ready, "streams") as ReadonlyArray<unknown>)[0]
      assert.strictEqual(field(stream, "ssrc"), client.state.ssrc + 1)
      assert.strictEqual(field(stream, "rtx_ssrc"), client.state.ssrc + 2)
      client.select("aead_aes256_gcm_rtpsize")
      const session = client.last(4)
      assert.strictEqual(field(session, "mode"), "aead_aes256_gcm_rtpsize")
      assert.strictEqual(field(session, "dave_protocol_version"), 0)
      assert.lengthOf(field(session, "secret_key") as ReadonlyArray<number>, 32)
      client.speaking()
      assert.isUndefined(client.closed())
      assert.deepStrictEqual(world.violations(), [])
      assert.isTrue(client.messages().every((message) => !("seq" in message)))
    })

    it("refuses a version that the profile does not have, and a missing one", () => {
      const world = makeWorld()
      const client = makeClient(world, "1")
      for (const v of ["missing", 3, 10, Number.NaN] as const) {
        assert.deepStrictEqual(client.connect(v), { reject: 400 })
      }
      assert.isFalse(world.half.owns(client.connection))
      assert.deepStrictEqual(world.messages(), [
        "the voice gateway was opened without a version (?v=8); it supports versions 4, 5, 6, 7, 8, 9",
        ...Array(3).fill(
          "the voice gateway was opened for a version that does not exist; it supports versions 4, 5, 6, 7, 8, 9"
        )
      ])
      assert.deepStrictEqual(world.half.accept(77, 99, new URLSearchParams("v=8")), { reject: 404 })
    })

    it("uses version 1 if none is given in 2022", () => {
      const world = makeWorld(year2022)
      const client = makeClient(world, "1", { version: 1 })
      assert.isUndefined(client.connect("missing"))
      assert.deepStrictEqual<unknown>(client.messages(), [{ heartbeat_interval: 13_750 }])
    })

    it("writes the interval as a float when the profile says so", () => {
      for (
        const [version, expected] of [[8, `{"op":8,"d":{"v":8,"heartbeat_interval":13750.0}}`], [
          2,
          `{"heartbeat_interval":13750.0}`
        ]] as const
      ) {
        const world = makeWorld({ ...everyVersion, floatHeartbeatInterval: true })
        const client = makeClient(world, "1", { version })
        client.connect()
        assert.deepStrictEqual<unknown>(world.inbox(client.connection), [
          { _tag: "Text", connection: client.connection, text: expected }
        ])
      }
    })

    it("gives each session its own SSRC and each session description its own key", () => {
      const world = makeWorld()
      const ssrcs = new Set<number>()
      const keys = new Set<string>()
      for (let i = 1; i <= 20; i++) {
        const client = makeClient(world, String(i))
        client.join()
        ssrcs.add(client.state.ssrc)
        for (let j = 0; j < 3; j++) {
          client.select("aead_xchacha20_poly1305_rtpsize")
          keys.add(String(client.state.key))
        }
      }
      assert.strictEqual(ssrcs.size, 20)
      assert.strictEqual(keys.size, 60)
      assert.isFalse(ssrcs.has(0))
    })
  })

  describe("heartbeats", () => {
    it("keep the connection open, and late ones are reported", () => {
      const world = makeWorld()
      const client = makeClient(world, "1")
      client.join()
      for (let i = 0; i < 20; i++) {
        world.wait(13_750)
        client.speaking()
        if (i === 10) world.wait(3_600)
        client.send(3, { t: i, seq_ack: -1 })
      }
      assert.isUndefined(client.closed())
      assert.deepStrictEqual(world.violations(), [])
      assert.deepStrictEqual(world.advice(), ["late-heartbeat"])
    })

    it("that a fault drops are not counted against the client", () => {
      const world = makeWorld()
      const client = makeClient(world, "1")
      client.join()
      world.faults.add(({ op, point }) => point === "voice-in" && op === 3 ? { _tag: "Drop" } : undefined)
      for (let i = 0; i < 4; i++) {
        world.wait(13_750)
        client.send(3, { t: i, seq_ack: -1 })
      }
      assert.strictEqual(client.closed(), 4009)
      assert.deepStrictEqual(world.violations(), [])
      assert.deepStrictEqual(world.advice(), [])
    })
  })

  it("does not blame a client whose messages were changed", () => {
    for (const point of ["voice-in", "voice-out"] as const) {
      const world = makeWorld()
      const client = makeClient(world, "1")
      client.join()
      world.faults.add((subject) =>
        subject.point === point && (subject.op === 3 || subject.op === 6)
          ? { _tag: "Replace", frame: `{"op":3,"d":{"t":"x"}}` }
          : undefined
      )
      client.send(3, { t: 1, seq_ack: -1 })
      client.send(99, {})
      assert.strictEqual(client.closed(), point === "voice-in" ? 4020 : 4001)
      assert.deepStrictEqual(world.violations(), [])
    }
  })

  describe("presence", () => {
    it("tells a new member about the others, numbered from 0, and the others about it", () => {
      const world = makeWorld()
      const first = makeClient(world, "1")
      const second = makeClient(world, "2")
      first.join()
      first.news()
      second.join()
      const about = (user: string) => [
        { op: 18, d: { user_id: user, flags: 0 } },
        { op: 20, d: { user_id: user, platform: 0 } }
      ]
      const numbered = (messages: ReadonlyArray<object>) => messages.map((message, seq) => ({ ...message, seq }))
      const told = second.messages().filter((message) => "seq" in message)
      assert.deepStrictEqual<unknown>(
        told,
        numbered([
          { op: 11, d: { user_ids: ["1"] } },
          ...about("1"),
          { op: 5, d: { user_id: "1", ssrc: first.state.ssrc, speaking: 1 } }
        ])
      )
      assert.deepStrictEqual<unknown>(
        first.news(),
        numbered([
          { op: 11, d: { user_ids: ["2"] } },
          ...about("2"),
          { op: 5, d: { user_id: "2", ssrc: second.state.ssrc, speaking: 1 } }
        ])
      )
      assert.deepStrictEqual(
        second.messages().filter((message) => !("seq" in message)).map(({ op }) => op),
        [8, 2, 4]
      )
    })

    it("includes the new member itself when the profile says so", () => {
      const world = makeWorld({ ...today, clientsConnectIncludesSelf: true })
      const client = makeClient(world, "1")
      client.join()
      assert.deepStrictEqual<unknown>(client.last(11), { user_ids: ["1"] })
    })

    it("announces changes of Speaking, video, and members who leave", () => {
      const world = makeWorld()
      const first = makeClient(world, "1")
      const second = makeClient(world, "2")
      first.join()
      second.join()
      first.news()
      second.speaking(1)
      second.speaking(5)
      second.send(12, { audio_ssrc: second.state.ssrc, video_ssrc: 0, rtx_ssrc: 0, streams: [] })
      second.drop(1000)
      assert.deepStrictEqual<unknown>(first.news().map(({ d, op }) => ({ op, d })), [
        { op: 5, d: { user_id: "2", ssrc: second.state.ssrc, speaking: 5 } },
        { op: 12, d: { user_id: "2", audio_ssrc: second.state.ssrc, video_ssrc: 0, streams: [] } },
        { op: 13, d: { user_id: "2" } }
      ])
      const third = makeClient(world, "3")
      third.join()
      assert.deepStrictEqual<unknown>(third.last(11), { user_ids: ["1"] })
    })

    it("keeps channels separate", () => {
      const world = makeWorld()
      const first = makeClient(world, "1")
      first.join()
      const second = makeClient(world, "2")
      world.grant("2", { channelId: otherChannelId })
      second.connect()
      second.identify()
      assert.isUndefined(second.last(11))
      assert.isUndefined(first.last(11))
    })

    it("answers op 16 and ignores 14, 15 and 32", () => {
      const world = makeWorld()
      const client = makeClient(world, "1")
      client.join()
      client.news()
      client.send(16, {})
      client.send(15, { any: 100 })
      client.send(14, { codecs: [{ name: "opus", type: "audio", priority: 1000, payload_type: 120 }] })
      client.send(32, {})
      assert.deepStrictEqual(client.news().map(({ op, seq }) => ({ op, seq })), [{ op: 16, seq: 0 }])
      assert.deepStrictEqual(world.violations(), [])
    })

    it("reports binary messages without end-to-end encryption as advice", () => {
      const world = makeWorld()
      const client = makeClient(world, "1")
      client.join()
      client.raw(Uint8Array.of(26, 1, 2))
      assert.deepStrictEqual(world.advice(), ["unknown-binary"])
      assert.isUndefined(client.closed())
    })

    it("closes with 4003 for a binary message before Identify", () => {
      const world = makeWorld()
      const client = makeClient(world, "1")
      client.connect()
      client.raw(Uint8Array.of(26, 1, 2))
      assert.strictEqual(client.closed(), 4003)
      assert.deepStrictEqual(world.violations(), ["wrong-order"])
    })

    it("reports Speaking with a foreign SSRC", () => {
      const world = makeWorld()
      const client = makeClient(world, "1")
      client.join()
      client.send(5, { speaking: 1, delay: 0, ssrc: client.state.ssrc + 1 })
      assert.deepStrictEqual(world.violations(), ["wrong-ssrc"])
    })

    it("accepts a boolean Speaking, and reports it as advice once from version 4 on", () => {
      for (const version of [1, 3, 4, 8]) {
        const world = makeWorld(everyVersion)
        const client = makeClient(world, "1", { version })
        client.join()
        const listener = makeClient(world, "2")
        listener.join()
        for (const speaking of [true, false, true]) client.send(5, { speaking, delay: 0, ssrc: client.state.ssrc })
        assert.isUndefined(client.closed())
        assert.deepInclude(listener.last(5), { user_id: client.userId, speaking: 1 })
        assert.deepStrictEqual(world.violations(), [])
        assert.deepStrictEqual(world.advice(), version < 4 ? [] : ["boolean-speaking"])
      }
    })

    it("accepts Speaking without an SSRC, and reports it as advice once", () => {
      const world = makeWorld()
      const client = makeClient(world, "1")
      client.join()
      const listener = makeClient(world, "2")
      listener.join()
      for (const speaking of [0, 1]) client.send(5, { speaking, delay: 0 })
      assert.deepInclude(listener.last(5), { user_id: client.userId, speaking: 1, ssrc: client.state.ssrc })
      assert.deepStrictEqual(world.violations(), [])
      assert.deepStrictEqual(world.advice(), ["speaking-without-ssrc"])
    })
  })

  describe("resume", () => {
    const pair = (version: number) => {
      const world = makeWorld()
      const client = makeClient(world, "1", { version })
      const other = makeClient(world, "2")
      client.join()
      other.join()
      return { world, client, other }
    }

    it("replays missed messages in version 8", () => {
      const { client, other, world } = pair(8)
      const acknowledged = client.messages().findLast((message) => message.seq !== undefined)?.seq
      client.drop()
      assert.strictEqual(world.half.sessions().find(({ userId }) => userId === client.userId)?.state, "lost")
      other.speaking(5)
      other.drop(1000)
      client.connect()
      client.resume({ seq_ack: acknowledged })
      assert.deepStrictEqual<unknown>(client.messages().map(({ op }) => op), [8, 5, 13, 9])
      assert.deepStrictEqual(client.messages().map(({ seq }) => seq), [undefined, 4, 5, undefined])
      assert.strictEqual(world.half.sessions()[0]?.state, "ready")
      assert.deepStrictEqual(world.violations(), [])
    })

    it("replays everything if nothing was acknowledged", () => {
      const { client } = pair(8)
      const all = client.messages().filter((message) => message.seq !== undefined)
      for (const ack of [{}, { seq_ack: -1 }]) {
        client.drop()
        client.connect()
        client.resume(ack)
        assert.deepStrictEqual(client.messages().slice(1, -1), all)
        assert.strictEqual(client.messages().at(-1)?.op, 9)
      }
    })

    it("replays nothing below version 8", () => {
      const { client, other } = pair(4)
      client.drop()
      other.speaking(5)
      client.connect()
      client.resume()
      assert.deepStrictEqual<unknown>(client.messages().map(({ op }) => op), [8, 9])
      other.speaking(1)
      assert.strictEqual(client.messages().at(-1)?.op, 5)
    })

    it("keeps the SSRC, the key and the media connection", () => {
      const { client, other, world } = pair(8)
      client.talk([silence], 0)
      client.drop()
      client.say(silence)
      assert.lengthOf(other.heard(), 2)
      client.connect()
      client.resume()
      client.say(silence)
      other.say(silence)
      assert.lengthOf(other.heard(), 3)
      assert.lengthOf(client.heard(), 1)
      assert.deepStrictEqual(world.violations(), [])
    })

    it("stops the resume window", () => {
      const { client, world } = pair(8)
      client.drop()
      client.connect()
      client.resume()
      for (let i = 0; i < 10; i++) {
        world.wait(13_750)
        client.send(3, { t: i, seq_ack: 3 })
      }
      assert.isUndefined(client.closed())
      assert.strictEqual(world.half.sessions()[0]?.state, "ready")
    })

    it("is refused with 4006 if the grant was revoked", () => {
      const { client, world } = pair(8)
      client.drop()
      world.grants.delete("token-1")
      client.connect()
      client.resume()
      assert.strictEqual(client.closed(), 4006)
      assert.deepStrictEqual(world.violations(), [])
    })

    it("takes over a connection that the server still considers open", () => {
      const { client, world } = pair(8)
      const former = client.connection
      client.connect()
      client.resume()
      assert.strictEqual(client.messages().at(-1)?.op, 9)
      assert.isTrue(world.inbox(former).some((output) => output._tag === "Close"))
      world.half.disconnected(former, 1006)
      assert.deepStrictEqual(world.half.sessions().map(({ state }) => state), ["ready", "ready"])
    })

    it("is refused with 4006 after the resume window, when the others have been told", () => {
      const { client, other, world } = pair(8)
      client.drop()
      world.wait(30_000)
      other.send(3, { t: 1, seq_ack: -1 })
      world.wait(29_999)
      assert.isUndefined(other.last(13))
      world.wait(1)
      assert.deepStrictEqual<unknown>(other.last(13), { user_id: "1" })
      client.connect()
      client.resume()
      assert.strictEqual(client.closed(), 4006)
    })

    it("is refused with 4006 for an unknown session, a wrong one, and one that is over", () => {
      for (const other of [{ token: "x" }, { session_id: "x" }, { server_id: "101" }, { seq_ack: 5_000 }]) {
        const { client } = pair(8)
        client.drop()
        client.connect()
        client.resume(other)
        assert.strictEqual(client.closed(), 4006, JSON.stringify(other))
      }
      const left = pair(8)
      left.client.drop(1000)
      left.client.connect()
      left.client.resume()
      assert.strictEqual(left.client.closed(), 4006)
    })

    it("is refused with 4006 when messages to replay are gone", () => {
      const world = makeWorld({ ...today, replayLimit: 5 })
      const client = makeClient(world, "1")
      const other = makeClient(world, "2")
      client.join()
      other.join()
      client.drop()
      for (let i = 0; i < 3; i++) other.speaking(2 + i)
      client.connect()
      client.resume({ seq_ack: 0 })
      assert.strictEqual(client.closed(), 4006)
      assert.strictEqual(world.half.sessions().length, 1)
    })
  })

  describe("sessions", () => {
    it("are revoked with a close code, which the others are told about", () => {
      const left: Array<readonly [string, number]> = []
      const world = makeWorld(today, { onLeft: (userId, code) => left.push([userId, code]) })
      const client = makeClient(world, "1")
      const other = makeClient(world, "2")
      client.join()
      other.join()
      world.half.revocation({ userId: client.userId, guildId })({ code: 4014, reason: "Disconnected." })
      assert.strictEqual(client.closed(), 4014)
      assert.deepStrictEqual<unknown>(other.last(13), { user_id: "1" })
      client.drop(4014)
      assert.deepStrictEqual(left, [["1", 4014]])
    })

    it("can be resumed after a cut, and after close codes that allow it", () => {
      for (const [code, resumable] of [[4015, true], [1001, true], [4006, false], [undefined, true]] as const) {
        const world = makeWorld()
        const client = makeClient(world, "1")
        client.join()
        if (code === undefined) world.half.terminateUser(client.userId)
        else world.half.closeUser(client.userId, code, "test")
        assert.strictEqual(client.closed(), code)
        client.drop(code ?? 1006)
        client.connect()
        client.resume()
        assert.strictEqual(client.closed(), resumable ? undefined : 4006)
      }
    })

    it("end when their user identifies with a newer token", () => {
      const world = makeWorld()
      const client = makeClient(world, "1")
      client.join()
      const former = client.connection
      world.grant("1", { token: "token-new", channelId: otherChannelId })
      world.grants.delete("token-1")
      client.connect()
      client.identify({ token: "token-new" })
      assert.isUndefined(client.closed())
      assert.isTrue(world.inbox(former).some((output) => output._tag === "Close" && output.code === 4014))
      assert.deepStrictEqual(world.half.sessions().map((session) => session.channelId), [otherChannelId])
    })

    it("are listed with their state", () => {
      const world = makeWorld()
      const client = makeClient(world, "1")
      client.join()
      assert.deepStrictEqual(world.half.sessions(), [{
        userId: client.userId,
        guildId,
        channelId,
        server,
        ssrc: client.state.ssrc as never,
        mode: "aead_aes256_gcm_rtpsize",
        version: 8,
        state: "ready",
        speaking: 1,
        address: client.address
      }])
    })
  })
})
