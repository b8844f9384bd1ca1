import { assert, describe, it } from "@effect/vitest"
import type { Fault, Output } from "../../../src/emulator/core/CoreContext.ts"
import * as Random from "../../../src/emulator/core/Random.ts"
import { voiceIntents } from "../../../src/protocol/GatewayPayload.ts"
import * as Harness from "./Harness.ts"

const once = (fault: Fault): Fault => {
  let done = false
  return (subject, random) => {
    const action = done ? undefined : fault(subject, random)
    if (action !== undefined) done = true
    return action
  }
}

const atDispatch = (t: string, action: ReturnType<Fault>): Fault =>
  once((subject) => subject.op === t ? action : undefined)

const voiceIdentify = (h: Harness.Harness, client: Harness.Client) => ({
  op: 0,
  d: {
    server_id: h.guildId,
    user_id: h.bot.id,
    session_id: client.events("VOICE_STATE_UPDATE").at(-1)?.["session_id"],
    token: client.events("VOICE_SERVER_UPDATE").at(-1)?.["token"],
    max_dave_protocol_version: 1
  }
})

describe("Core faults", () => {
  it("drop a dispatch, which a resume replays", () => {
    const h = Harness.make()
    const client = h.login()
    h.core.addFault(atDispatch("VOICE_SERVER_UPDATE", { _tag: "Drop" }))
    h.join(client, h.lobby)
    const [state] = client.take()
    assert.strictEqual(state?.t, "VOICE_STATE_UPDATE")
    client.disconnect(4000)
    const second = h.connect()
    second.send({
      op: 6,
      d: { token: h.bot.token, session_id: client.events("READY")[0]?.["session_id"], seq: state?.s }
    })
    assert.deepStrictEqual(Harness.names(second.take()), ["op10", "VOICE_SERVER_UPDATE", "RESUMED"])
  })

  it("delay, repeat and replace messages", () => {
    const h = Harness.make()
    const client = h.login()
    h.core.addFault(atDispatch("VOICE_STATE_UPDATE", { _tag: "Delay", ms: 30 }))
    h.core.addFault(atDispatch("VOICE_SERVER_UPDATE", { _tag: "Duplicate", copies: 1 }))
    h.core.addFault(
      once((subject) =>
        subject.point === "gateway-in" && subject.op === 1 ? { _tag: "Replace", frame: "{\"op\":99}" } : undefined
      )
    )
    h.join(client, h.lobby)
    h.core.advance(29)
    assert.deepStrictEqual(Harness.names(client.take()), ["VOICE_SERVER_UPDATE", "VOICE_SERVER_UPDATE"])
    h.core.advance(30)
    assert.deepStrictEqual(Harness.names(client.take()), ["VOICE_STATE_UPDATE"])
    client.send({ op: 1, d: null })
    assert.strictEqual(client.closeCode(), 4001)
  })

  it("close or terminate the connection without sending anything more, while the session stays resumable", () => {
    for (const action of [{ _tag: "Close", code: 4000, reason: "why" }, { _tag: "Terminate" }] as const) {
      const h = Harness.make()
      const client = h.login()
      h.core.addFault(atDispatch("VOICE_STATE_UPDATE", action))
      h.join(client, h.lobby)
      assert.deepStrictEqual(
        [client.closeCode(), client.terminated],
        action._tag === "Close" ? [4000, false] : [
          undefined,
          true
        ]
      )
      assert.deepStrictEqual(client.take(), [])
      h.core.advance(0)
      assert.deepInclude(h.core.snapshot().gatewaySessions[0], { connected: false, seq: 4 })
      client.disconnect(1006)
      const second = h.connect()
      second.send({ op: 6, d: { token: h.bot.token, session_id: client.events("READY")[0]?.["session_id"], seq: 2 } })
      assert.deepStrictEqual(Harness.names(second.take()).slice(1), [
        "VOICE_STATE_UPDATE",
        "VOICE_SERVER_UPDATE",
        "RESUMED"
      ])
    }
  })

  it("do not deliver a delayed message whose connection is gone", () => {
    const h = Harness.make()
    const client = h.login()
    h.core.addFault((subject) => subject.point === "gateway-in" ? { _tag: "Delay", ms: 10 } : undefined)
    h.join(client, h.lobby)
    client.disconnect(1000)
    h.core.advance(10)
    assert.deepStrictEqual(h.core.snapshot().voiceStates, [])
  })

  it("draw from their own random numbers, so that the ids of a run do not change", () => {
    const ids = (fault: Fault) => {
      const h = Harness.make()
      h.core.addFault(fault)
      const client = h.login()
      h.join(client, h.lobby)
      return client.messages
    }
    assert.deepStrictEqual(
      ids(() => undefined),
      ids((_, random) => random.next() > 1 ? { _tag: "Drop" } : undefined)
    )
  })

  it.for([1, 2])("know the user after Identify, and before it only if a single bot is expected (bots: %i)", (bots) => {
    const h = Harness.make()
    if (bots > 1) h.core.createUser({ name: "second", bot: true })
    const seen: Array<string> = []
    h.core.addFault((subject) => {
      seen.push(`${subject.point} ${subject.op} ${subject.userId === h.bot.id}`)
      return undefined
    })
    const client = h.login({ intents: 0 })
    client.send({ op: 1, d: null })
    assert.deepStrictEqual(seen, [
      `gateway-out 10 ${bots === 1}`,
      "gateway-in 2 true",
      "gateway-out READY true",
      "gateway-in 1 true",
      "gateway-out 11 true"
    ])
  })
})

describe("Core with the real voice half", () => {
  it("leads a join from the main gateway to Ready, and closes with 4014 on a kick", () => {
    const h = Harness.make({ realVoice: true })
    const client = h.login()
    h.join(client, h.lobby)
    const voice = h.connectVoice()
    voice.send(voiceIdentify(h, client))
    assert.deepStrictEqual(voice.take().map((message) => message.op).slice(0, 2), [8, 2])
    assert.deepInclude(h.core.snapshot().voiceSessions[0], { userId: h.bot.id, channelId: h.lobby, server: 1 })
    h.core.kick(h.bot.id)
    assert.strictEqual(voice.closeCode(), 4014)
    assert.deepStrictEqual(h.core.snapshot().voiceSessions, [])
    const late = h.connectVoice()
    late.send(voiceIdentify(h, client))
    assert.isDefined(late.closeCode())
  })

  it("gives a new token for the same channel once the voice session is over", () => {
    const h = Harness.make({ realVoice: true })
    const client = h.login()
    h.join(client, h.lobby)
    const voice = h.connectVoice()
    voice.send(voiceIdentify(h, client))
    client.take()
    h.join(client, h.lobby)
    assert.deepStrictEqual(Harness.names(client.take()), ["VOICE_STATE_UPDATE"])
    h.core.closeVoice(h.bot.id, 4006, "Session is no longer valid.")
    h.core.advance(1)
    h.join(client, h.lobby)
    assert.deepStrictEqual(Harness.names(client.take()), ["VOICE_STATE_UPDATE", "VOICE_SERVER_UPDATE"])
    const again = h.connectVoice()
    again.send(voiceIdentify(h, client))
    assert.deepStrictEqual(again.take().map((message) => message.op).slice(0, 2), [8, 2])
  })

  it("tells the voice half when a fault terminates its connection", () => {
    const h = Harness.make({ realVoice: true })
    const client = h.login()
    h.join(client, h.lobby)
    h.core.addFault(
      once((subject) => subject.point === "voice-out" && subject.op === 2 ? { _tag: "Terminate" } : undefined)
    )
    const voice = h.connectVoice()
    voice.send(voiceIdentify(h, client))
    assert.isTrue(voice.terminated)
    h.core.advance(0)
    assert.deepInclude(h.core.snapshot().voiceSessions[0], { state: "lost" })
    voice.disconnect(1006)
    voice.send({ op: 3, d: 1 })
    assert.deepStrictEqual(h.core.verdicts(), [])
  })
})

/** A run of many clients, good and bad. The same seed makes the same run. */
const play = (seed: number, h: Harness.Harness, options: { readonly hostile: boolean; readonly e2ee?: boolean }) => {
  const dice = Random.make(seed)
  const clients: Array<Harness.Client> = []
  const channels = [h.lobby, h.other]
  const users = [h.bot, h.core.createUser({ name: "two", bot: true }), h.core.createUser({ name: "three" })]
  const pick = <A>(things: ReadonlyArray<A>): A | undefined => things[dice.int(things.length)]
  const junk = (): unknown => {
    switch (dice.int(9)) {
      case 0:
        return null
      case 1:
        return [junk()]
      case 2:
        return -dice.int(10)
      case 3:
        return dice.next() * 1e300
      case 4:
        return "\u0000\ud800"
      case 5:
        return h.guildId
      case 6:
        return { guild_id: h.guildId, channel_id: junk(), self_mute: junk(), query: junk(), user_ids: junk() }
      case 7:
        return { "__proto__": 1, "constructor": 1, token: h.bot.token, session_id: junk(), seq: junk() }
      default:
        return dice.int(2) === 0
    }
  }
  const frame = (): string | Uint8Array => {
    switch (dice.int(5)) {
      case 0:
        return dice.bytes(dice.int(100))
      case 1: {
        const text = JSON.stringify(Harness.identify(h.bot.token))
        return text.slice(0, dice.int(text.length))
      }
      case 2:
        return "[".repeat(dice.int(6000))
      default:
        return JSON.stringify({ op: dice.int(dice.int(3) === 0 ? 40 : 13) - 2, d: junk(), s: junk(), t: junk() })
    }
  }
  let now = 0
  for (let step = 0; step < 400; step++) {
    const client = pick(clients)
    const channel = pick(channels) ?? h.lobby
    const user = pick(users) ?? h.bot
    switch (dice.int(options.hostile ? 16 : 13)) {
      case 0: {
        const fresh = h.connect()
        clients.push(fresh)
        fresh.send(Harness.identify(user.token, voiceIntents))
        break
      }
      case 1:
      case 2:
        if (client !== undefined) h.join(client, dice.int(4) === 0 ? null : channel, { mute: dice.int(2) === 0 })
        break
      case 3:
        client?.send({ op: 1, d: null })
        break
      case 4:
        client?.disconnect(dice.int(2) === 0 ? 1000 : 1006)
        break
      case 5:
        h.core.kick(user.id)
        break
      case 6:
        h.core.moveUser(user.id, channel)
        break
      case 7:
        h.core.moveServer(channel, { nullEndpointFirst: dice.int(2) === 0, delayMs: dice.int(100) })
        break
      case 8:
        h.core.participants.join({ userId: user.id, channelId: channel }, { e2ee: options.e2ee === true })
        break
      case 9: {
        const voice = h.connectVoice(dice.int(2) === 0 ? "v=8" : "v=4")
        clients.push(voice)
        if (client !== undefined) voice.send(voiceIdentify(h, client))
        break
      }
      case 10:
        h.core.dropGatewaySession(user.id)
        break
      case 11:
        now += dice.int(500)
        h.core.advance(now)
        break
      case 12:
        h.core.rest({
          method: "GET",
          path: `/guilds/${h.guildId}`,
          authorization: `Bot ${user.token}`,
          body: undefined
        })
        break
      case 13: {
        const fresh = dice.int(2) === 0 ? h.connect() : h.connectVoice()
        clients.push(fresh)
        if (dice.int(2) === 0) fresh.send(Harness.identify(user.token))
        fresh.sendRaw(frame())
        break
      }
      case 14:
        client?.sendRaw(frame())
        h.core.datagram(1, { address: "127.0.0.1", port: 9 }, dice.bytes(dice.int(100)))
        break
      case 15:
        h.core.rest({
          method: pick(["GET", "PATCH", "DELETE", "X"]) ?? "GET",
          path: pick([
            "",
            "//",
            "/api/v10",
            `/guilds/${h.guildId}/members/${user.id}`,
            `/guilds/${h.guildId}/voice-states/@me`,
            "/%00/__proto__",
            "/channels/:"
          ]) ?? "",
          authorization: pick([undefined, "", `Bot ${h.bot.token}`]),
          body: pick([undefined, "{", "[]", "null", JSON.stringify(junk())])
        })
        break
    }
  }
}

const copy = (output: Output): Output => "bytes" in output ? { ...output, bytes: output.bytes.slice() } : output

describe("Core runs", () => {
  it("give the same outputs for the same seed and inputs, and different ones for another seed", () => {
    const run = (seed: number) => {
      const h = Harness.make({
        seed,
        realVoice: true,
        profile: { voiceEventOrder: "random", voiceCloseOrder: "random", voiceEventDelayMs: 20 }
      })
      h.core.addFault((_, random) =>
        random.int(20) === 0
          ? { _tag: "Delay", ms: random.int(50) }
          : random.int(50) === 0
          ? { _tag: "Drop" }
          : undefined
      )
      play(5, h, { hostile: false, e2ee: true })
      return [h.outputs.map(copy), h.core.verdicts(), Array.from(h.core.counters()), h.core.snapshot()]
    }
    assert.deepStrictEqual(run(11), run(11))
    assert.notDeepEqual(run(11), run(12))
  })

  it("never throw, whatever comes in, and keep serving well-behaved clients", () => {
    for (let seed = 0; seed < 50; seed++) {
      const h = Harness.make({ seed, realVoice: true, profile: { channelE2ee: "optional" } })
      // Groups are slow to compute.
      play(seed, h, { hostile: true, e2ee: seed % 10 === 0 })
      const user = h.core.createUser({ name: "well-behaved", bot: true })
      const client = h.login({ token: user.token })
      const channelId = h.core.createChannel({ guildId: h.guildId, name: "quiet" }) ?? h.lobby
      client.take()
      h.join(client, channelId)
      assert.deepStrictEqual(Harness.names(client.take()), ["VOICE_STATE_UPDATE", "VOICE_SERVER_UPDATE"])
    }
  })

  it("keep at most one voice state for each member, and grants only for members who are in the channel", () => {
    for (let seed = 0; seed < 20; seed++) {
      const h = Harness.make({ seed, profile: { channelE2ee: "optional" } })
      play(seed, h, { hostile: true })
      const states = h.core.snapshot().voiceStates
      assert.strictEqual(new Set(states.map((state) => state.userId)).size, states.length)
      const tokens = h.outputs.flatMap((output) => {
        if (output._tag !== "Text") return []
        const found = /"VOICE_SERVER_UPDATE".*"token":"([0-9a-f]+)"/.exec(output.text)?.[1]
        return found === undefined ? [] : [found]
      })
      const good = tokens.flatMap((token) => h.grant(token) ?? [])
      for (const grant of good) {
        assert.strictEqual(states.find((state) => state.userId === grant.userId)?.channelId, grant.channelId)
      }
      assert.strictEqual(new Set(good.map((grant) => grant.userId)).size, good.length)
    }
  })
})
