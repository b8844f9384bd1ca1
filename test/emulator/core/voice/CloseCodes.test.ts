import { assert, describe, it } from "@effect/vitest"
import { type Profile, today } from "../../../../src/emulator/core/Profile.ts"
import { GuildId } from "../../../../src/protocol/Identifier.ts"
import { channelId, guildId, makeClient, makeWorld, otherChannelId } from "./kit.ts"

describe("close codes", () => {
  const unready = (profile: Profile = today, version = 8) => {
    const world = makeWorld(profile)
    const client = makeClient(world, "1", { version })
    world.grant("1")
    client.connect()
    return { world, client }
  }
  const identified = (profile: Profile = today) => {
    const made = unready(profile)
    made.client.identify()
    made.client.takeReady()
    return made
  }

  it("4001 for an unknown opcode", () => {
    const { client, world } = identified()
    client.send(99, {})
    assert.strictEqual(client.closed(), 4001)
    assert.deepStrictEqual(world.violations(), ["unknown-opcode"])
    assert.deepStrictEqual(world.half.sessions(), [])
  })

  it("4002 for a malformed message, 4020 for a heartbeat whose number is not an integer", () => {
    for (const frame of ["", "{", "[]", "7", "null", "{}", `{"op":"0"}`, `{"op":0}`, `{"op":0,"d":{}}`]) {
      const { client, world } = unready()
      client.raw(frame)
      assert.strictEqual(client.closed(), 4002, frame)
      assert.deepStrictEqual(world.violations(), ["malformed"])
    }
    for (const t of [1.5, "1", null]) {
      const { client } = unready()
      client.send(3, { t })
      assert.strictEqual(client.closed(), 4020)
    }
  })

  it("4002 for an Identify without a channel in version 9", () => {
    const { client } = unready(today, 9)
    client.identify({ channel_id: undefined })
    assert.strictEqual(client.closed(), 4002)
  })

  it("4003 for anything else before Identify", () => {
    const { client, world } = unready()
    client.speaking()
    assert.strictEqual(client.closed(), 4003)
    assert.deepStrictEqual(world.violations(), ["wrong-order"])
  })

  it("4004 for an unknown token, or a token of another guild", () => {
    const wrong = unready()
    wrong.client.identify({ token: "wrong" })
    assert.strictEqual(wrong.client.closed(), 4004)
    assert.deepStrictEqual(wrong.world.violations(), ["bad-token"])
    const foreign = unready()
    foreign.world.grant("1", { guildId: GuildId.make("101") })
    foreign.client.identify()
    assert.strictEqual(foreign.client.closed(), 4004)
  })

  it("4005 for Identify or Resume on a connection that has a session", () => {
    for (const again of ["identify", "resume"] as const) {
      const { client, world } = identified()
      client[again]()
      assert.strictEqual(client.closed(), 4005)
      assert.deepStrictEqual(world.violations(), ["double-identify"])
    }
  })

  it("4006 for another user, session, channel or server than the token's", () => {
    for (const other of [{ user_id: "2" }, { session_id: "x" }]) {
      const { client, world } = unready()
      client.identify(other)
      assert.strictEqual(client.closed(), 4006)
      assert.deepStrictEqual(world.violations(), ["session-mismatch"])
    }
    const nine = unready(today, 9)
    nine.client.identify({ channel_id: otherChannelId })
    assert.strictEqual(nine.client.closed(), 4006)
    const elsewhere = unready()
    elsewhere.world.grant("1", { server: 2 })
    elsewhere.client.identify()
    assert.strictEqual(elsewhere.client.closed(), 4006)
  })

  it("4006 for a revoked token, without a violation", () => {
    const { client, world } = identified()
    world.half.revocation({ userId: client.userId, guildId })({ code: 4014, reason: "Disconnected." })
    world.grants.clear()
    client.connect()
    client.identify()
    assert.strictEqual(client.closed(), 4006)
    assert.deepStrictEqual(world.violations(), [])
  })

  it("4006 for Identify while the session should be resumed", () => {
    const { client, world } = identified()
    client.drop()
    client.connect()
    client.identify()
    assert.strictEqual(client.closed(), 4006)
    assert.deepStrictEqual(world.violations(), ["identify-for-resume"])
  })

  it("4006 for Resume with another guild, session or channel than the session's", () => {
    const refused = [
      [8, { server_id: "101" }],
      [8, { session_id: "x" }],
      [9, { channel_id: otherChannelId }]
    ] as const
    for (const [version, other] of refused) {
      const { client, world } = unready(today, version)
      client.identify()
      client.drop()
      client.connect()
      client.resume({ ...(version === 9 ? { channel_id: channelId } : {}), ...other })
      assert.strictEqual(client.closed(), 4006)
      assert.deepStrictEqual(world.violations(), ["session-mismatch"])
    }
    const nine = unready(today, 9)
    nine.client.identify()
    nine.client.drop()
    nine.client.connect()
    nine.client.resume({ channel_id: channelId })
    assert.strictEqual(nine.client.messages().at(-1)?.op, 9)
  })

  it("4009 when heartbeats are missing", () => {
    const { client, world } = identified()
    world.wait(3 * 13_750 - 1)
    assert.isUndefined(client.closed())
    world.wait(1)
    assert.strictEqual(client.closed(), 4009)
    assert.deepStrictEqual(world.violations(), ["heartbeat-missing"])
    assert.deepStrictEqual(world.half.sessions(), [])
  })

  it.each([1000, 1006] as const)("%i for missing heartbeats and still resumable, if the profile says so", (code) => {
    const { client, world } = identified({ ...today, heartbeatTimeoutCode: code })
    const ended = () => world.inbox(client.connection).at(-1)?._tag
    world.wait(3 * 13_750)
    assert.strictEqual(client.closed(), code === 1000 ? 1000 : undefined)
    assert.strictEqual(ended(), code === 1000 ? "Close" : "Terminate")
    assert.strictEqual(world.half.sessions()[0]?.state, "lost")
    client.drop(code)
    client.connect()
    client.resume()
    assert.strictEqual(client.messages().at(-1)?.op, 9)
    assert.deepStrictEqual(world.violations(), ["heartbeat-missing"])
    world.wait(3 * 13_750)
    assert.strictEqual(ended(), code === 1000 ? "Close" : "Terminate")
    // A connection that has not identified has no session to lose.
    client.connect()
    world.wait(3 * 13_750)
    assert.strictEqual(ended(), code === 1000 ? "Close" : "Terminate")
    assert.strictEqual(world.half.sessions()[0]?.state, "lost")
    world.wait(60_000)
    assert.deepStrictEqual(world.half.sessions(), [])
  })

  it("4011 for a server that does not exist", () => {
    const { client, world } = unready()
    client.identify({ server_id: "999" })
    assert.strictEqual(client.closed(), 4011)
    assert.deepStrictEqual(world.violations(), ["unknown-server"])
  })

  it("4012 for a protocol other than UDP, 4016 for a mode that is not offered", () => {
    const webrtc = identified()
    webrtc.client.send(1, { protocol: "webrtc", data: "sdp" })
    assert.strictEqual(webrtc.client.closed(), 4012)
    for (const mode of ["xsalsa20_poly1305", "rot13"]) {
      const { client, world } = identified()
      client.select(mode)
      assert.strictEqual(client.closed(), 4016)
      assert.deepStrictEqual(world.violations(), ["unknown-mode"])
    }
  })

  it("4017 for a client without end-to-end encryption in a channel that requires it", () => {
    const attempt = (profile: Profile, e2ee: "required" | "optional" | "never", dave: object) => {
      const { client, world } = unready(profile)
      world.grant("1", { e2ee })
      client.identify(dave)
      return client.closed()
    }
    assert.strictEqual(attempt(today, "required", {}), 4017)
    assert.strictEqual(attempt(today, "required", { max_dave_protocol_version: 0 }), 4017)
    assert.isUndefined(attempt(today, "required", { max_dave_protocol_version: 1 }))
    // In any version of the gateway.
    for (const announced of [0, 1]) {
      const { client, world } = unready(today, 4)
      world.grant("1", { e2ee: "required" })
      client.identify({ max_dave_protocol_version: announced })
      assert.strictEqual(client.closed(), announced === 0 ? 4017 : undefined)
    }
    assert.isUndefined(attempt(today, "optional", {}))
    assert.isUndefined(attempt(today, "never", {}))
    assert.isUndefined(attempt({ ...today, e2ee: false }, "required", {}))
  })
})
