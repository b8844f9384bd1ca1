import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Layer, Redacted } from "effect"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as CloseCode from "../../src/protocol/CloseCode.ts"
import { GuildId } from "../../src/protocol/Identifier.ts"
import * as VoiceDriver from "../../src/VoiceDriver.ts"
import * as VoiceSocket from "../../src/VoiceSocket.ts"
import * as Rig from "../integration/rig.ts"

const addFault = (fault: Emulator.Fault) => Emulator.Emulator.use((discord) => discord.faults.add(fault))

/** Drops messages of the voice gateway with this opcode. */
const losing = (op: number) =>
  addFault((subject) => subject.point === "voice-out" && subject.op === op ? { _tag: "Drop" } : undefined)

const connect = (options?: VoiceDriver.ConnectOptions, change?: Partial<VoiceDriver.ConnectionInfo>) =>
  Effect.gen(function*() {
    const info = yield* Rig.grant("lobby")
    const driver = yield* VoiceDriver.VoiceDriver
    return yield* Rig.timed(driver.connect(new VoiceDriver.ConnectionInfo({ ...info, ...change }), options))
  })

/** Why connecting failed, and after how many milliseconds. */
const failing = (options?: VoiceDriver.ConnectOptions, change?: Partial<VoiceDriver.ConnectionInfo>) =>
  Effect.gen(function*() {
    const info = yield* Rig.grant("lobby")
    const driver = yield* VoiceDriver.VoiceDriver
    const from = yield* Clock.currentTimeMillis
    const connecting = driver.connect(new VoiceDriver.ConnectionInfo({ ...info, ...change }), options)
    const reason = yield* Rig.reasonOf(connecting)
    return [reason, (yield* Clock.currentTimeMillis) - from] as const
  })

const memory = Rig.memory()

/** How long opening the socket and asking for its end take. */
const handshakeMs = 10

describe("Engine", () => {
  describe("deadlines", () => {
    it.effect("fails with PhaseTimedOut if the WebSocket does not open", () =>
      Effect.gen(function*() {
        const [reason, elapsedMs] = yield* Rig.run(failing())
        assert(reason._tag === "PhaseTimedOut")
        assert.strictEqual(reason.phase, "open")
        assert.strictEqual(reason.elapsedMs, 10_000)
        assert.strictEqual(elapsedMs, 10_000)
      }).pipe(
        Effect.provide(
          Layer.fresh(VoiceDriver.layer).pipe(
            Layer.provide(Layer.succeed(VoiceSocket.VoiceSocket, { open: () => Effect.never })),
            Layer.provideMerge(memory)
          )
        )
      ))

    for (
      const [op, phase] of [[8, "hello"], [2, "ready"], [4, "session-description"]] as const
    ) {
      for (const phaseTimeoutMs of [10_000, 1_500]) {
        it.effect(`fails with PhaseTimedOut if op ${op} does not come within ${phaseTimeoutMs} ms`, () =>
          Effect.gen(function*() {
            const [reason, elapsedMs] = yield* Rig.run(Effect.gen(function*() {
              yield* losing(op)
              return yield* failing(phaseTimeoutMs === 10_000 ? {} : { phaseTimeoutMs })
            }))
            assert(reason._tag === "PhaseTimedOut")
            assert.strictEqual(reason.phase, phase)
            assert.strictEqual(reason.elapsedMs, phaseTimeoutMs)
            assert.isAtLeast(elapsedMs, phaseTimeoutMs)
            assert.isAtMost(elapsedMs, phaseTimeoutMs + handshakeMs)
            yield* Rig.left
          }).pipe(Effect.provide(memory)))
      }
    }

    it.effect("succeeds if IP discovery is lost nine times and answered the tenth", () =>
      Effect.gen(function*() {
        let lost = 0
        yield* Rig.run(Effect.gen(function*() {
          yield* addFault(({ op, point }) => {
            if (point !== "datagram-in" || op !== "discovery" || lost === 9) return undefined
            lost++
            return { _tag: "Drop" }
          })
          const [connection, elapsedMs] = yield* connect()
          assert.isAtLeast(elapsedMs, 9_000)
          assert.isAtMost(elapsedMs, 9_000 + handshakeMs)
          assert.match(connection.established.address, /^10\.1\./)
        }))
        assert.strictEqual(lost, 9)
      }).pipe(Effect.provide(memory)))

    it.effect("fails with DiscoveryUnanswered if IP discovery is never answered", () =>
      Effect.gen(function*() {
        const [reason, elapsedMs] = yield* Rig.run(Effect.gen(function*() {
          yield* addFault(({ op, point }) =>
            point === "datagram-out" && op === "discovery" ? { _tag: "Drop" } : undefined
          )
          return yield* failing()
        }))
        assert(reason._tag === "DiscoveryUnanswered")
        assert.strictEqual(reason.tries, 10)
        assert.strictEqual(reason.elapsedMs, 10_000)
        assert.isAtMost(elapsedMs, 10_000 + handshakeMs)
        yield* Rig.left
      }).pipe(Effect.provide(memory)))

    it.effect("ends with HeartbeatUnanswered if a heartbeat is not acknowledged", () =>
      Effect.gen(function*() {
        const [reason, elapsedMs] = yield* Rig.run(Effect.gen(function*() {
          const [connection] = yield* connect({ resumeAttempts: 0 })
          yield* losing(6)
          return yield* Rig.timed(Rig.reasonOf(connection.awaitEnd))
        }))
        assert(reason._tag === "HeartbeatUnanswered")
        assert.strictEqual(reason.missed, 1)
        // the first heartbeat was answered, the second was not, and the third detects it
        assert.isAtMost(elapsedMs, 2 * 13_750)
        assert.isAtLeast(reason.silentMs, 13_750)
        assert.isAtMost(reason.silentMs, 2 * 13_750)
        yield* Rig.left
      }).pipe(Effect.provide(memory)))
  })

  describe("refusals", () => {
    it.effect("names the offered and the accepted modes if there is no common one", () =>
      Effect.gen(function*() {
        const [reason] = yield* Rig.run(failing({ modes: ["xsalsa20_poly1305_lite", "xsalsa20_poly1305"] }))
        assert(reason._tag === "NoCommonMode")
        assert.deepStrictEqual(reason.offered, ["aead_aes256_gcm_rtpsize", "aead_xchacha20_poly1305_rtpsize"])
        assert.deepStrictEqual(reason.accepted, ["xsalsa20_poly1305_lite", "xsalsa20_poly1305"])
        yield* Rig.left
      }).pipe(Effect.provide(memory)))

    const rewriting = (change: (d: Record<string, unknown>) => Record<string, unknown>, only = 4) =>
      addFault(({ frame, op, point }) => {
        if (point !== "voice-out" || op !== only || typeof frame !== "string") return undefined
        const message = JSON.parse(frame)
        return { _tag: "Replace", frame: JSON.stringify({ ...message, d: change(message.d) }) }
      })

    it.effect("rejects a session in a mode other than the selected one", () =>
      Effect.gen(function*() {
        const [reason] = yield* Rig.run(Effect.gen(function*() {
          yield* rewriting((d) => ({ ...d, mode: "aead_aes256_gcm_rtpsize" }))
          return yield* failing({ modes: ["aead_xchacha20_poly1305_rtpsize"] })
        }))
        assert(reason._tag === "ProtocolViolated")
        assert.include(reason.detail, "aead_aes256_gcm_rtpsize")
        assert.include(reason.detail, "aead_xchacha20_poly1305_rtpsize")
        yield* Rig.left
      }).pipe(Effect.provide(memory)))

    it.effect("rejects a session over WebRTC, which it did not ask for", () =>
      Effect.gen(function*() {
        const [reason] = yield* Rig.run(Effect.gen(function*() {
          yield* rewriting(() => ({ sdp: "m=audio 50001 UDP/TLS/RTP/SAVPF", audio_codec: "opus" }))
          return yield* failing()
        }))
        assert(reason._tag === "ProtocolViolated")
        assert.include(reason.detail, "does not use UDP")
        yield* Rig.left
      }).pipe(Effect.provide(memory)))

    for (
      const [name, op, change, at] of [
        ["Hello", 8, { heartbeat_interval: "soon" }, "d.heartbeat_interval"],
        ["Ready", 2, { port: null }, "d.port"],
        ["Session Description", 4, { secret_key: [1] }, "d.secret_key"],
        ["Session Description", 4, { dave_protocol_version: "1" }, "d.dave_protocol_version"]
      ] as const
    ) {
      it.effect(`rejects a ${name} without a valid ${at} at once, and names the field`, () =>
        Effect.gen(function*() {
          const [reason, elapsedMs] = yield* Rig.run(Effect.gen(function*() {
            yield* rewriting((d) => ({ ...d, ...change }), op)
            return yield* failing()
          }))
          assert(reason._tag === "ProtocolViolated")
          assert.include(reason.detail, `its ${name} cannot be used`)
          assert.include(reason.detail, `(op ${op})`)
          assert.include(reason.detail, `${at}: `)
          assert.isAtMost(elapsedMs, 2 * handshakeMs)
          yield* Rig.left
        }).pipe(Effect.provide(memory)))
    }

    it.effect("ignores invalid fields that it does not need", () =>
      Effect.gen(function*() {
        const [connection] = yield* Rig.run(Effect.gen(function*() {
          yield* rewriting((d) => ({ ...d, v: "8" }), 8)
          const max_resolution = null
          yield* rewriting((d) => ({ ...d, experiments: null, streams: [{ type: "video", max_resolution }] }), 2)
          yield* rewriting((d) => ({ ...d, media_session_id: 7, video_codec: [], keyframe_interval: "x" }), 4)
          return yield* connect()
        }))
        assert.strictEqual(connection.established.version, 8)
      }).pipe(Effect.provide(memory)))

    it.effect("fails at the deadline if a message is not JSON, and says that it was malformed", () =>
      Effect.gen(function*() {
        const [reason] = yield* Rig.run(Effect.gen(function*() {
          yield* addFault(({ op, point }) =>
            point === "voice-out" && op === 2 ? { _tag: "Replace", frame: "{\"op\":2," } : undefined
          )
          return yield* failing()
        }))
        assert(reason._tag === "PhaseTimedOut")
        assert.strictEqual(reason.phase, "ready")
        assert.include(reason.malformed, "not JSON")
        assert.include(reason.message, "the text is not JSON")
      }).pipe(Effect.provide(memory)))

    it.effect("rejects a session over WebRTC with a video codec", () =>
      Effect.gen(function*() {
        const [reason] = yield* Rig.run(Effect.gen(function*() {
          yield* rewriting(() => ({ audio_codec: "opus", video_codec: "H264", media_session_id: "x", sdp: "m=audio" }))
          return yield* failing()
        }))
        assert.strictEqual(reason._tag, "ProtocolViolated")
        yield* Rig.left
      }).pipe(Effect.provide(memory)))

    const refused = [
      ["fails with SocketOpenFailed if nobody listens", { endpoint: "ws://nobody.emulator" }, "SocketOpenFailed"],
      ["fails with SocketOpenFailed for an invalid endpoint", { endpoint: "//" }, "SocketOpenFailed"],
      ["fails with AuthenticationFailed for a wrong token", { token: Redacted.make("wrong") }, "AuthenticationFailed"],
      ["fails with SessionInvalid for a wrong session ID", { sessionId: Redacted.make("wrong") }, "SessionInvalid"],
      ["fails with ServerNotFound for a wrong server", { serverId: GuildId.make("1") }, "ServerNotFound"]
    ] as const
    for (const [what, change, tag] of refused) {
      it.effect(what, () =>
        Effect.gen(function*() {
          const [reason, elapsedMs] = yield* Rig.run(failing({}, change))
          assert.strictEqual(reason._tag, tag)
          assert.isAtMost(elapsedMs, handshakeMs)
          assert.notInclude(JSON.stringify(reason) + reason.message, "wrong")
          yield* Rig.left
        }).pipe(Effect.provide(memory)))
    }

    it.effect("fails with SocketOpenFailed for a version that the server does not speak", () =>
      Effect.gen(function*() {
        const [reason] = yield* Rig.run(failing({ version: 3 }))
        assert(reason._tag === "SocketOpenFailed")
        assert.strictEqual(reason.kind, "Rejected")
        assert.strictEqual(reason.status, 400)
      }).pipe(Effect.provide(memory)))

    it.effect("fails with E2eeRequired in a channel that demands end-to-end encryption", () =>
      Effect.gen(function*() {
        // version 7 cannot do that
        const reason = yield* Rig.run(Rig.reasonOf(Rig.join("secure", { version: 7 })))
        assert(reason._tag === "E2eeRequired")
        assert.strictEqual(reason.code, 4017)
        yield* Rig.left
      }).pipe(Effect.provide(memory)))
  })

  describe("close codes", () => {
    const ends = [
      ...CloseCode.voiceTable.map(({ code, name }) => ({ code, name })),
      ...[1000, 1001, 1006, 1011].map((code) => ({ code, name: "ConnectionLost" as const })),
      { code: 4444, name: "UnknownCloseCode" as const }
    ]
    const ending = (code: number): Emulator.FaultAction =>
      code === 1006 ? { _tag: "Terminate" } : { _tag: "Close", code, reason: "the test" }
    const fits = (
      { code, name }: { readonly code: number; readonly name: string },
      reason: Effect.Success<ReturnType<typeof failing>>[0],
      elapsedMs: number
    ) => {
      assert.strictEqual(reason._tag, name)
      assert("code" in reason)
      assert.strictEqual(reason.code, code)
      assert("detail" in reason)
      assert.strictEqual(reason.detail, code === 1006 ? "" : "the test")
      assert.isAtMost(elapsedMs, handshakeMs)
    }

    for (const [phase, op] of [["Hello", 8], ["Ready", 2], ["a session description", 4]] as const) {
      it.effect(`fail connecting with their error instead of ${phase}`, () =>
        Effect.gen(function*() {
          for (const end of ends) {
            const [reason, elapsedMs] = yield* Rig.run(Effect.gen(function*() {
              yield* addFault((subject) =>
                subject.point === "voice-out" && subject.op === op ? ending(end.code) : undefined
              )
              return yield* failing()
            }))
            fits(end, reason, elapsedMs)
            yield* Rig.left
          }
        }).pipe(Effect.provide(memory)))
    }

    it.effect("fail connecting with their error while it waits for IP discovery", () =>
      Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        for (const end of ends) {
          const [reason, elapsedMs] = yield* Rig.run(Effect.gen(function*() {
            yield* addFault(({ op, point }) =>
              point === "datagram-out" && op === "discovery" ? { _tag: "Drop" } : undefined
            )
            const fiber = yield* Effect.forkChild(failing(), { startImmediately: true })
            yield* Effect.sleep("100 millis")
            yield* end.code === 1006
              ? discord.faults.terminateVoice("bot")
              : discord.faults.closeVoice("bot", end.code, "the test")
            const [reason, elapsedMs] = yield* Fiber.join(fiber)
            return [reason, elapsedMs - 100] as const
          }))
          fits(end, reason, elapsedMs)
        }
      }).pipe(Effect.provide(memory)))

    it.effect("end an established connection with their error, which calls on it report", () =>
      Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        for (const end of ends) {
          const [reason, elapsedMs] = yield* Rig.run(Effect.gen(function*() {
            const [connection] = yield* connect({ resumeAttempts: 0 })
            yield* end.code === 1006
              ? discord.faults.terminateVoice("bot")
              : discord.faults.closeVoice("bot", end.code, "the test")
            const [reason, elapsedMs] = yield* Rig.timed(Rig.reasonOf(connection.awaitEnd))
            const statistics = yield* Rig.reasonOf(connection.statistics)
            assert.strictEqual(statistics._tag, reason._tag)
            assert.strictEqual((yield* Rig.reasonOf(connection.setSpeaking(1)))._tag, "NotConnected")
            return [reason, elapsedMs] as const
          }))
          fits(end, reason, elapsedMs)
        }
      }).pipe(Effect.provide(memory)))
  })

  describe("interruption", () => {
    for (
      const [phase, point, op] of [
        ["hello", "voice-out", 8],
        ["ready", "voice-out", 2],
        ["discovery", "datagram-out", "discovery"],
        ["session description", "voice-out", 4]
      ] as const
    ) {
      it.effect(`closes the socket with 1000 and leaves nothing behind while it waits for ${phase}`, () =>
        Effect.gen(function*() {
          const [, elapsedMs] = yield* Rig.run(Effect.gen(function*() {
            yield* addFault((subject) => subject.point === point && subject.op === op ? { _tag: "Drop" } : undefined)
            const fiber = yield* Effect.forkChild(Effect.scoped(failing()), { startImmediately: true })
            yield* Effect.sleep("500 millis")
            return yield* Rig.timed(Fiber.interrupt(fiber))
          }))
          assert.isAtMost(elapsedMs, handshakeMs)
          yield* Rig.left
          yield* Rig.blameless
        }).pipe(Effect.provide(memory)))
    }
  })
})
