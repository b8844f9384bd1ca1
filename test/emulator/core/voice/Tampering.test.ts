import { assert, describe, it } from "@effect/vitest"
import * as FaultRules from "../../../../src/emulator/core/faults/FaultRules.ts"
import { today } from "../../../../src/emulator/core/Profile.ts"
import * as Kit from "./kit.ts"

const mode = "aead_aes256_gcm_rtpsize"

const world = (profile: Partial<typeof today> = {}) => {
  const made = Kit.makeWorld({ ...today, ...profile })
  return {
    ...made,
    rule: (when: FaultRules.When, what: FaultRules.What) =>
      made.faults.add(FaultRules.make(when, undefined, what, () => {}))
  }
}

const frame = Uint8Array.of(0xfc, 1, 2, 3)

describe("a client of the voice gateway is not blamed for", () => {
  it("missing heartbeats, if Hello was lost", () => {
    const w = world()
    const client = Kit.makeClient(w, "1")
    w.grant("1")
    w.rule({ point: "voice-out", op: 8 }, "drop")
    client.connect()
    w.wait(today.voiceHeartbeatIntervalMs * 4)
    assert.strictEqual(client.closed(), 4009)
    assert.deepStrictEqual([w.violations(), w.advice()], [[], []])
    assert.strictEqual(w.counter("tampered:heartbeat-missing"), 1)
  })

  it("a late heartbeat after a late Hello", () => {
    const w = world()
    const client = Kit.makeClient(w, "1")
    w.grant("1")
    w.rule({ point: "voice-out", op: 8 }, { delayMs: today.voiceHeartbeatIntervalMs })
    client.connect()
    w.wait(today.voiceHeartbeatIntervalMs * 1.5)
    client.send(3, { t: 1 })
    assert.deepStrictEqual(w.advice(), [])
    assert.strictEqual(w.counter("tampered:late-heartbeat"), 1)
  })

  it("audio whose Speaking was lost, even if that closes the connection", () => {
    const w = world({ audioBeforeSpeaking: "close" })
    const client = Kit.makeClient(w, "1")
    w.rule({ point: "voice-in", op: 5 }, "drop")
    client.join()
    client.talk([frame])
    w.wait(500)
    assert.strictEqual(client.closed(), 4020)
    assert.deepStrictEqual(w.violations(), [])
    assert.strictEqual(w.counter("tampered:audio-before-speaking"), 1)
  })

  it("audio encrypted with a key that a fault changed", () => {
    const w = world()
    const client = Kit.makeClient(w, "1")
    w.rule({ point: "voice-out", op: 4 }, {
      replaceWith: (text) => String(text).replace(/"secret_key":\[\d+/, "\"secret_key\":[0")
    })
    client.join()
    client.state.key[1] = (client.state.key[1] ?? 0) ^ 1
    client.say(frame)
    assert.deepStrictEqual(w.violations(), [])
    assert.strictEqual(w.counter("tampered:unsealed-packet"), 1)
  })

  it("a second Identify, if Ready was lost", () => {
    const w = world()
    const client = Kit.makeClient(w, "1")
    w.rule({ point: "voice-out", op: 2, nth: 1 }, { cut: "before" })
    w.grant("1")
    client.connect()
    client.identify()
    assert.isUndefined(client.last(2))
    client.connect()
    client.identify()
    assert.isDefined(client.last(2))
    assert.deepStrictEqual(w.violations(), [])
    assert.lengthOf(w.half.sessions(), 1)
  })

  it("the cut itself, only for sending Identify again instead of Resume after Ready", () => {
    const w = world()
    const client = Kit.makeClient(w, "1")
    w.rule({ point: "voice-out", op: 2, nth: 1 }, { cut: "after" })
    w.grant("1")
    client.connect()
    client.identify()
    assert.isDefined(client.last(2))
    client.connect()
    client.identify()
    assert.strictEqual(client.closed(), 4006)
    assert.deepStrictEqual(w.violations(), ["identify-for-resume"])
  })

  it("a duplicated message", () => {
    const w = world()
    const client = Kit.makeClient(w, "1")
    w.rule({ point: "voice-in", op: 0 }, { duplicate: 1 })
    w.grant("1")
    client.connect()
    client.identify()
    assert.strictEqual(client.closed(), 4005)
    assert.deepStrictEqual(w.violations(), [])
  })

  it("datagrams that are lost, corrupted, duplicated, reordered or late", () => {
    for (const options of [{ loss: 0.3 }, { corrupt: 1 }, { duplicate: 1 }, { reorder: 0.3 }, { delayMs: 70 }]) {
      const w = world()
      const client = Kit.makeClient(w, "1")
      const listener = Kit.makeClient(w, "2")
      client.join()
      listener.join()
      w.faults.add(FaultRules.makeDatagrams({ ...options, direction: "in" }, client.userId, () => {}))
      client.talk(Array.from({ length: 50 }, (_, i) => Uint8Array.of(0xfc, i)))
      w.wait(2_000)
      assert.deepStrictEqual([w.violations(), w.advice()], [[], []], JSON.stringify(options))
      const heard = listener.heard().filter(({ payload }) => payload[0] === 0xfc).map(({ payload }) => payload[1])
      const inOrder = heard.every((byte, i) => i === 0 || (heard[i - 1] ?? 0) <= (byte ?? 0))
      if ("loss" in options) assert.isTrue(heard.length > 20 && heard.length < 50, `${heard.length}`)
      if ("corrupt" in options) assert.lengthOf(heard, 0)
      if ("duplicate" in options) assert.lengthOf(heard, 100)
      if ("delayMs" in options) assert.lengthOf(heard, 50)
      assert.strictEqual(inOrder, !("reorder" in options))
      if ("reorder" in options) assert.sameMembers(heard, Array.from({ length: 50 }, (_, i) => i))
    }
  })

  it("closing silence that may be in flight when it leaves after its connection was cut", () => {
    for (const cut of [true, false]) {
      const w = world()
      const client = Kit.makeClient(w, "1")
      client.join()
      client.talk([frame, frame, frame], 0)
      if (cut) w.half.terminateUser(client.userId)
      const { guildId } = Kit
      w.half.revocation({ userId: client.userId, guildId })({ code: 4014, reason: "", voluntary: true })
      assert.deepStrictEqual(w.advice(), cut ? [] : ["missing-closing-silence"])
    }
  })

  it("a token that was valid when it was sent", () => {
    const made = Kit.makeWorld(today, {}, 1, () => true)
    const client = Kit.makeClient(made, "1")
    client.connect()
    client.identify()
    assert.strictEqual(client.closed(), 4006)
    assert.deepStrictEqual(made.violations(), [])
  })
})

describe("a fault that closes a voice connection", () => {
  it("ends or keeps the session, as the close code says", () => {
    for (const [code, state] of [[4015, "lost"], [1000, "lost"], [4006, undefined], [4014, undefined]] as const) {
      const w = world()
      const client = Kit.makeClient(w, "1")
      client.join()
      w.rule({ point: "voice-in", op: 3 }, { close: code })
      client.send(3, { t: 1 })
      assert.strictEqual(client.closed(), code)
      assert.strictEqual(w.half.sessions()[0]?.state, state, String(code))
      assert.deepStrictEqual([w.violations(), w.advice()], [[], []])
    }
  })

  it("closes before or after the message takes effect", () => {
    for (const at of ["before", "after"] as const) {
      const w = world()
      const client = Kit.makeClient(w, "1")
      w.grant("1")
      w.rule({ point: "voice-in", op: 0, nth: 1 }, { close: 4015, at })
      client.connect()
      client.identify()
      assert.strictEqual(client.closed(), 4015)
      assert.strictEqual(client.last(2) === undefined, at === "before")
      assert.lengthOf(w.half.sessions(), at === "before" ? 0 : 1)
    }
  })
})

describe("the user that a fault is told for a connection", () => {
  const users = (w: ReturnType<typeof world>) => {
    const seen: Array<string> = []
    w.faults.add(({ op, point, userId }) => {
      seen.push(`${point} ${op} ${userId}`)
      return undefined
    })
    return seen
  }

  it("comes from the token, and before Identify from the only user that is expected", () => {
    const w = world()
    const seen = users(w)
    const client = Kit.makeClient(w, "1")
    client.join()
    assert.include(seen, "voice-out 8 1")
    assert.include(seen, "voice-in 0 1")
    assert.include(seen, "datagram-in discovery 1")
    assert.include(seen, "datagram-out discovery 1")
    client.drop()
    seen.length = 0
    client.connect()
    client.resume()
    assert.deepStrictEqual(seen, ["voice-out 8 1", "voice-in 7 1", "voice-out 9 1"])
  })

  it("is undefined before Identify if several users are expected", () => {
    const w = world()
    const seen = users(w)
    w.grant("1")
    w.grant("2")
    const client = Kit.makeClient(w, "1")
    client.connect()
    client.send(3, { t: 1 })
    client.identify()
    assert.deepStrictEqual(seen.slice(0, 4), [
      "voice-out 8 undefined",
      "voice-in 3 undefined",
      "voice-out 6 undefined",
      "voice-in 0 1"
    ])
    const other = Kit.makeClient(w, "2")
    other.connect()
    assert.strictEqual(seen.at(-1), "voice-out 8 2")
  })
})

describe("Disturbance", () => {
  const setup = (version = 8) => {
    const w = world()
    const client = Kit.makeClient(w, "1", { version })
    const listener = Kit.makeClient(w, "2")
    client.join()
    listener.join()
    client.news()
    return { w, client, listener, d: w.half.disturbance }
  }

  it("requests a heartbeat", () => {
    const { client, d } = setup()
    assert.isTrue(d.requestHeartbeat(client.userId))
    const [asked] = client.news()
    assert.strictEqual(asked?.op, 3)
    assert.isTrue(Number.isInteger(Kit.field(asked?.d, "t")))
    client.drop()
    assert.isFalse(d.requestHeartbeat(client.userId))
  })

  it("sends a new key, and still decrypts packets that use the former one", () => {
    const { client, d, listener, w } = setup()
    client.say(Uint8Array.of(0xfc, 1))
    assert.isTrue(d.rekey(client.userId))
    client.say(Uint8Array.of(0xfc, 2))
    const key = Kit.field(client.last(4), "secret_key")
    assert.notDeepEqual(key, Array.from(client.state.key))
    client.state.key = Uint8Array.from(Array.isArray(key) ? key : [])
    client.state.nonce = 0
    client.say(Uint8Array.of(0xfc, 3))
    assert.deepStrictEqual(listener.heard().map(({ payload }) => payload[1]), [1, 2, 3])
    assert.deepStrictEqual(w.violations(), [])
    client.drop()
    assert.isFalse(d.rekey(client.userId))
  })

  it("overruns the messages kept for a resume, from version 8 on", () => {
    const { client, d } = setup()
    assert.isTrue(d.overrunReplay(client.userId))
    client.drop()
    client.connect()
    client.resume({ seq_ack: 0 })
    assert.strictEqual(client.closed(), 4006)
    const old = setup(7)
    assert.isFalse(old.d.overrunReplay(old.client.userId))
  })

  it("ends a session, whether it waits for a resume or is connected", () => {
    for (const lost of [true, false]) {
      const { client, d, w } = setup()
      if (lost) client.drop()
      assert.isTrue(d.expire(client.userId))
      assert.isFalse(d.expire(client.userId))
      assert.strictEqual(w.inbox(client.connection).some(({ _tag }) => _tag === "Terminate"), !lost)
      client.connect()
      client.resume({ seq_ack: 0 })
      assert.strictEqual(client.closed(), 4006)
      assert.deepStrictEqual(w.violations(), [])
    }
  })

  it("starts sequence numbers at the given value, which wrap after 65535", () => {
    const w = world()
    const client = Kit.makeClient(w, "1")
    w.half.disturbance.startSequence(client.userId, 65_534)
    client.join()
    const others = ["2", "3"].map((user) => Kit.makeClient(w, user))
    for (const other of others) other.join()
    const numbers = client.messages().flatMap(({ seq }) => seq === undefined ? [] : [seq])
    assert.deepStrictEqual(numbers.slice(0, 4), [65_534, 65_535, 0, 1])
    client.drop()
    client.connect()
    client.resume({ seq_ack: 65_535 })
    assert.deepStrictEqual(client.messages().flatMap(({ seq }) => seq ?? []), numbers.slice(2))
    const fresh = Kit.makeClient(w, "4")
    fresh.join()
    assert.strictEqual(fresh.messages().find(({ seq }) => seq !== undefined)?.seq, 0)
  })

  it("pins media to the address of Select Protocol until the client selects again", () => {
    const { client, d, listener, w } = setup()
    const seen = listener.address
    const moved = { address: "203.0.113.1", port: 1 }
    const targets = () => {
      w.datagrams.length = 0
      client.say(frame)
      return w.datagrams.filter(({ bytes }) => bytes[1] === 120).map(({ to }) => to)
    }
    assert.deepStrictEqual(d.pin(listener.userId), [seen])
    listener.datagram(listener.sealed(listener.packet(frame)), moved)
    assert.deepStrictEqual(targets(), [seen])
    // Discovery alone or Select Protocol alone is not enough.
    listener.datagram(listener.discoveryRequest(), moved)
    assert.deepStrictEqual(targets(), [seen])
    listener.select(mode, moved)
    assert.deepStrictEqual(targets(), [moved])
    listener.datagram(listener.sealed(listener.packet(frame)), seen)
    assert.deepStrictEqual(targets(), [seen])

    d.pin(listener.userId)
    d.unpin(listener.userId, () => moved)
    assert.deepStrictEqual(targets(), [moved])
  })
})
