import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Pull, Random, Schedule } from "effect"
import * as CloseCode from "../../src/protocol/CloseCode.ts"
import { ChannelId, GuildId } from "../../src/protocol/Identifier.ts"
import * as Policy from "../../src/session/Policy.ts"
import { voiceCloseReason } from "../../src/voiceClose.ts"
import * as VoiceError from "../../src/VoiceError.ts"

describe("Policy", () => {
  it("reacts to close codes as the table says, and rejoins if resuming has failed", () => {
    for (const { code, reaction } of CloseCode.voiceTable) {
      const reason = voiceCloseReason(code, "")
      assert.strictEqual(Policy.react(reason), reaction === "resume" ? "rejoin" : reaction)
    }
    for (const code of [1000, 1005, 1006]) assert.strictEqual(Policy.react(voiceCloseReason(code, "")), "rejoin")
    assert.strictEqual(Policy.react(voiceCloseReason(4444, "")), "rejoin-once")
  })

  const guildId = GuildId.make("1")
  const channelId = ChannelId.make("2")
  const address = { address: "192.0.2.1", port: 1 }
  const others: ReadonlyArray<readonly [Policy.Reaction, VoiceError.Reason]> = [
    ["rejoin", new VoiceError.PhaseTimedOut({ phase: "resume", elapsedMs: 1 })],
    ["rejoin", new VoiceError.JoinTimedOut({ guildId, channelId, missing: "both", elapsedMs: 1 })],
    ["rejoin", new VoiceError.NotAdmitted({ guildId, channelId, obstacle: "Full" })],
    ["stop", new VoiceError.NotAdmitted({ guildId, channelId, obstacle: "Connect" })],
    ["stop", new VoiceError.NotAdmitted({ guildId, channelId, obstacle: "UnknownChannel" })],
    ["rejoin", new VoiceError.SocketOpenFailed({ endpoint: "", kind: "Refused", detail: "" })],
    ["rejoin", new VoiceError.ProtocolViolated({ detail: "" })],
    ["rejoin", new VoiceError.UdpFailed({ ...address, detail: "" })],
    ["rejoin", new VoiceError.DiscoveryUnanswered({ ...address, tries: 1, elapsedMs: 1 })],
    ["rejoin", new VoiceError.CryptoFailed({ mode: "", detail: "" })],
    ["rejoin", new VoiceError.UdpLost({ ...address, sign: "address-gone" })],
    ["rejoin", new VoiceError.HeartbeatUnanswered({ missed: 1, silentMs: 1 })],
    ["rejoin", new VoiceError.GatewayFailed({ detail: "" })],
    ["rejoin", new VoiceError.E2eeFailed({ kind: "Group", detail: "" })],
    ["rejoin", new VoiceError.E2eeFailed({ kind: "Thread", detail: "" })],
    ["stop", new VoiceError.E2eeFailed({ kind: "Engine", detail: "" })],
    ["stop", new VoiceError.E2eeFailed({ kind: "Version", detail: "" })],
    ["stop", new VoiceError.NoCommonMode({ offered: [], accepted: [] })],
    ["stop", new VoiceError.GatewayDetached({ guildId })],
    ["stop", new VoiceError.NotConnected({ operation: "" })],
    // its code is one of the main gateway
    ["stop", new VoiceError.GatewayClosed({ code: 4006, name: "", remedy: "", detail: "" })]
  ]
  for (const [reaction, reason] of others) {
    const kind = "kind" in reason ? ` (${reason.kind})` : ""
    it(`reacts to ${reason._tag}${kind} with ${reaction}`, () => {
      assert.strictEqual(Policy.react(reason), reaction)
      assert.strictEqual(Policy.never.react(reason), "stop")
    })
  }

  it("has the documented patience", () => {
    const { backoff: _, react: __, removal, ...durations } = Policy.standard
    assert.strictEqual(removal, "rejoin")
    assert.deepStrictEqual(
      Object.fromEntries(
        Object.entries(durations).map(([name, value]) => [name, Duration.toMillis(Duration.fromInputUnsafe(value))])
      ),
      { stableAfter: 60_000, gatewayPatience: 5_000, serverPatience: 60_000 }
    )
  })

  for (const [random, share] of [[0, 0.8], [0.5, 1], [1, 1.2]] as const) {
    it.effect(`grows its delays up to half a minute, ten times, each scaled by ${share}`, () =>
      Effect.gen(function*() {
        const error = VoiceError.make(new VoiceError.SessionInvalid({ code: 4006, detail: "" }))
        const step = yield* Schedule.toStep(Policy.backoff)
        const delays: Array<number> = []
        while (true) {
          const delay = yield* Pull.matchEffect(step(0, error), {
            onSuccess: ([, delay]) => Effect.succeed(Duration.toMillis(delay)),
            onFailure: Effect.failCause,
            onDone: () => Effect.undefined
          })
          if (delay === undefined) break
          delays.push(delay)
        }
        assert.deepStrictEqual(
          delays.map(Math.round),
          [25, 75, 225, 675, 2_025, 6_075, 18_225, 30_000, 30_000, 30_000].map((delay) => Math.round(delay * share))
        )
      }).pipe(Effect.provideService(Random.Random, { nextIntUnsafe: () => 0, nextDoubleUnsafe: () => random })))
  }
})
