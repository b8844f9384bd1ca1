import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect } from "effect"
import type * as Line from "../../../src/driver/Line.ts"
import * as Hearing from "../../../src/driver/signalling/Hearing.ts"
import * as SsrcMap from "../../../src/driver/SsrcMap.ts"
import { Ssrc, UserId } from "../../../src/protocol/Identifier.ts"
import type * as VoicePayload from "../../../src/protocol/VoicePayload.ts"
import type * as VoiceError from "../../../src/VoiceError.ts"

const userId = UserId.make("5")
const ssrc = Ssrc.make(7)
const noSsrc = Ssrc.make(0)
const ready = { ssrc, ip: "127.0.0.1", port: 50_000, modes: [] }

const rig = () => {
  const users = SsrcMap.make()
  const events: Array<Line.Event> = []
  const lost: Array<VoiceError.VoiceError> = []
  const hearing = new Hearing.Hearing({
    users,
    emit: (event) => events.push(event),
    onDescription: () => Effect.void,
    onLost: (error) => lost.push(error),
    e2ee: undefined
  })
  return {
    users,
    events,
    lost,
    hearing,
    hear: (...messages: ReadonlyArray<VoicePayload.ServerMessage>) =>
      Effect.forEach(messages, (message) => hearing.onMessage(message), { discard: true })
  }
}

describe("Hearing", () => {
  it.effect("learns from op 12 whose an SSRC is, and whether there is video; 0 means none", () =>
    Effect.gen(function*() {
      const { events, hear, users } = rig()
      yield* hear({ op: 12, d: { user_id: userId, audio_ssrc: ssrc, video_ssrc: Ssrc.make(8) } })
      assert.strictEqual(users.userOf(ssrc), userId)
      assert.deepStrictEqual(events.splice(0), [
        { _tag: "Announced", userId, ssrc },
        { _tag: "Described", userId, video: true }
      ])
      yield* hear({ op: 12, d: { user_id: userId, audio_ssrc: noSsrc, video_ssrc: noSsrc } }, {
        op: 12,
        d: { user_id: userId }
      })
      assert.isUndefined(users.userOf(noSsrc))
      assert.deepStrictEqual(events, [{ _tag: "Described", userId, video: false }])
    }))

  it.effect("learns the SSRC of a user who speaks; 0 is nobody's, and a user who leaves has none", () =>
    Effect.gen(function*() {
      const { events, hear, users } = rig()
      yield* hear({ op: 5, d: { user_id: userId, ssrc, speaking: 1 } })
      assert.strictEqual(users.userOf(ssrc), userId)
      yield* hear({ op: 5, d: { user_id: userId, ssrc: noSsrc, speaking: 0 } })
      yield* hear({ op: 13, d: { user_id: userId } })
      assert.isUndefined(users.userOf(ssrc))
      assert.deepStrictEqual(events, [
        { _tag: "Speaking", userId, ssrc, flags: 1 },
        { _tag: "UserDisconnected", userId }
      ])
    }))

  it.effect("reports what ops 18 and 20 say about a client, and nothing if they say nothing", () =>
    Effect.gen(function*() {
      const { events, hear } = rig()
      yield* hear(
        { op: 18, d: { user_id: userId, flags: 3 } },
        { op: 18, d: { user_id: userId } },
        { op: 20, d: { user_id: userId, platform: 1 } },
        { op: 20, d: { user_id: userId, platform: null } },
        { op: 20, d: { user_id: userId } }
      )
      assert.deepStrictEqual(events, [
        { _tag: "Described", userId, flags: 3 },
        { _tag: "Described", userId, platform: 1 },
        { _tag: "Described", userId, platform: null }
      ])
    }))

  it.effect("counts messages, and keeps the round trip and the last sequence number", () =>
    Effect.gen(function*() {
      const { events, hearing } = rig()
      assert.deepInclude(hearing, {
        heartbeatsSent: 0,
        unknownOpcodes: 0,
        malformedMessages: 0,
        roundTripMs: undefined
      })
      hearing.onHeartbeat()
      hearing.onUnknown()
      hearing.onRoundTrip(42)
      yield* hearing.onMalformed("no ssrc", 5, false)
      assert.deepInclude(hearing, { heartbeatsSent: 1, unknownOpcodes: 1, malformedMessages: 1, roundTripMs: 42 })
      assert.strictEqual(hearing.lastMalformed, "no ssrc")
      assert.deepStrictEqual(events, [{ _tag: "Heartbeat", roundTripMs: 42 }])
      assert.strictEqual(hearing.lastSequence(), -1)
      hearing.onSequence(9)
      assert.strictEqual(hearing.lastSequence(), 9)
    }))

  for (
    const [op, message] of [
      [2, { op: 2, d: ready }],
      [4, { op: 4, d: { mode: "aead_aes256_gcm_rtpsize", secret_key: Array.from(new Uint8Array(32)) } }]
    ] as const
  ) {
    it.effect(`fails on a malformed first op ${op}, but not on a later one`, () =>
      Effect.gen(function*() {
        const first = rig()
        yield* first.hearing.onMalformed("no ssrc", op, false)
        assert.deepStrictEqual(first.lost.map(({ reason }) => reason._tag), ["ProtocolViolated"])
        const { hear, hearing, lost } = rig()
        yield* hear(message)
        yield* hearing.onMalformed("no ssrc", op, false)
        assert.deepStrictEqual(lost, [])
        if (op === 2) assert.deepStrictEqual(yield* Deferred.await(hearing.ready), ready)
      }))
  }
})
