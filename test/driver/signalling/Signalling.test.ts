import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Layer, Logger, Redacted, References, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as Net from "node:net"
import type * as Line from "../../../src/driver/Line.ts"
import * as Signalling from "../../../src/driver/signalling/Signalling.ts"
import * as SsrcMap from "../../../src/driver/SsrcMap.ts"
import * as CloseCode from "../../../src/protocol/CloseCode.ts"
import { Ssrc, UserId } from "../../../src/protocol/Identifier.ts"
import type * as VoicePayload from "../../../src/protocol/VoicePayload.ts"
import * as MockVoiceSocket from "../../../src/testing/MockVoiceSocket.ts"
import * as Time from "../../../src/testing/Time.ts"
import * as Transport from "../../../src/Transport.ts"
import { voiceCloseReason } from "../../../src/voiceClose.ts"
import * as VoiceDriver from "../../../src/VoiceDriver.ts"
import * as VoiceError from "../../../src/VoiceError.ts"
import * as VoiceSocket from "../../../src/VoiceSocket.ts"
import * as Mock from "../mockServer.ts"

const { info, ssrc } = Mock
const guest = UserId.make("31")

/** The next message that is not a heartbeat. Heartbeats are answered. */
const take = (peer: MockVoiceSocket.Peer): Effect.Effect<VoicePayload.ClientMessage> =>
  Effect.flatMap(peer.take, (message) => {
    assert(typeof message.op === "number" && "d" in message)
    if (message.op !== 3) return Effect.succeed(message)
    return Effect.andThen(peer.push({ op: 6, d: { t: message.d.t } }), take(peer))
  })

const hello: VoicePayload.ServerMessage = { op: 8, d: { v: 8, heartbeat_interval: 13_750 } }

/** Answers heartbeats until the scope closes, and collects all other messages. */
const attend = Effect.fnUntraced(function*(peer: MockVoiceSocket.Peer) {
  const messages: Array<VoicePayload.ClientMessage> = []
  yield* take(peer).pipe(
    Effect.flatMap((message) => Effect.sync(() => messages.push(message))),
    Effect.forever,
    Effect.forkScoped({ startImmediately: true })
  )
  return messages
})

interface Options {
  readonly endpoint?: string
  readonly phaseTimeoutMs?: number
  readonly version?: VoicePayload.VoiceVersion
  readonly resumeAttempts?: number
  readonly maxDaveVersion?: number
  /** Takes the place of end-to-end encryption. Gets the users that are known by then. */
  readonly onE2ee?: (op: number, users: SsrcMap.SsrcMap) => void
  /** Wraps each socket. */
  readonly wrap?: (socket: VoiceSocket.Connection) => VoiceSocket.Connection
}

/** The signalling of a connection that is being made. */
const begin = Effect.fnUntraced(function*(options: Options = {}) {
  const network = yield* MockVoiceSocket.MockVoiceSocket
  const sockets = yield* VoiceSocket.VoiceSocket
  const ended = yield* Deferred.make<never, VoiceError.VoiceError>()
  const events: Array<Line.Event> = []
  const users = SsrcMap.make()
  const { onE2ee, wrap = (socket) => socket } = options
  const making = yield* Effect.forkScoped(
    Signalling.make({
      info: new VoiceDriver.ConnectionInfo({ ...info, endpoint: options.endpoint ?? info.endpoint }),
      version: options.version ?? 8,
      sockets: { open: (to) => Effect.map(sockets.open(to), wrap) },
      users,
      emit: (event) => events.push(event),
      onDescription: () => Effect.void,
      ended,
      onLost: (error) => void Deferred.doneUnsafe(ended, Effect.fail(error)),
      onResumed: () => {},
      phaseTimeoutMs: options.phaseTimeoutMs ?? 5_000,
      resumeAttempts: options.resumeAttempts ?? 5,
      maxDaveVersion: options.maxDaveVersion ?? 0,
      e2ee: onE2ee === undefined ? undefined : {
        // synchronously, as an implementation may
        onMessage: ({ op }) => {
          onE2ee(op, users)
          return Effect.void
        },
        onFrame: ({ op }) => Effect.sync(() => onE2ee(op, users)),
        lost: () => onE2ee(1006, users),
        resumed: () => onE2ee(9, users)
      }
    }),
    { startImmediately: true }
  )
  return { network, ended, events, users, making }
})

/** The signalling of an established connection, and the server's end of its first socket. */
const rig = Effect.fnUntraced(function*(options: Options = {}) {
  const { ended, events, making, network, users } = yield* begin(options)
  const first = yield* network.accept
  yield* first.push(hello)
  const identify = yield* take(first)
  assert.strictEqual(identify.op, 0)
  const gateway = yield* Fiber.join(making)
  return {
    network,
    gateway,
    first,
    identify,
    events,
    users,
    ended,
    tags: () => events.map(({ _tag }) => _tag).filter((tag) => tag === "Resuming" || tag === "Resumed"),
    reason: Effect.map(Effect.flip(Deferred.await(ended)), ({ reason }) => reason)
  }
})

/** The next socket, however long it takes to open. */
const acceptSocket = Effect.fnUntraced(function*(network: MockVoiceSocket.MockVoiceSocket["Service"]) {
  for (let waited = 0; (yield* network.waiting) === 0; waited += 50) {
    assert.isBelow(waited, 60_000, "no socket was opened")
    yield* Time.advance("50 millis")
  }
  return yield* network.accept
})

/** A server that resumes the session. */
const accept = Effect.fnUntraced(function*(
  network: MockVoiceSocket.MockVoiceSocket["Service"],
  replayed: ReadonlyArray<VoicePayload.ServerMessage> = []
) {
  const peer = yield* acceptSocket(network)
  yield* peer.push(hello)
  const resume = yield* take(peer)
  yield* Effect.forEach(replayed, peer.push)
  yield* peer.push({ op: 9, d: null })
  return { peer, resume }
})

const test = (name: string, body: Effect.Effect<unknown, unknown, Services>) =>
  it.effect(name, () => Effect.asVoid(body).pipe(Effect.provide(MockVoiceSocket.layer)))

type Services = MockVoiceSocket.MockVoiceSocket | VoiceSocket.VoiceSocket | Scope.Scope

describe("Signalling", () => {
  const resumable = [1000, 1001, 1005, 1006, 1011, 4013, 4015]
  for (const code of [...resumable.slice(0, 5), ...CloseCode.voiceTable.map(({ code }) => code), 4444]) {
    test(
      `${code} is ${resumable.includes(code) ? "" : "not "}resumed`,
      Effect.gen(function*() {
        const { ended, first, gateway, network, reason, tags } = yield* rig()
        yield* gateway.established
        yield* first.close(code)
        yield* Time.advance("1 millis")
        if (resumable.includes(code)) {
          const { resume } = yield* accept(network)
          assert.strictEqual(resume.op, 7)
          yield* Time.advance("1 millis")
          assert.deepStrictEqual(tags(), ["Resuming", "Resumed"])
          assert.isFalse(Deferred.isDoneUnsafe(ended))
        } else {
          assert.strictEqual((yield* reason)._tag, voiceCloseReason(code, "")._tag)
          assert.strictEqual(yield* network.waiting, 0)
          assert.deepStrictEqual(tags(), [])
        }
      })
    )
  }

  test(
    "resumes after an unanswered heartbeat, without a close frame that would end the session",
    Effect.gen(function*() {
      const { first, gateway, network, tags } = yield* rig()
      yield* gateway.established
      yield* TestClock.adjust("13750 millis")
      assert.strictEqual((yield* first.closed).code, 1006)
      yield* accept(network)
      yield* Time.advance("1 millis")
      assert.deepStrictEqual(tags(), ["Resuming", "Resumed"])
    })
  )

  for (const [version, seq] of [[7, undefined], [8, undefined], [8, 0], [8, 12], [9, 3]] as const) {
    test(
      `resumes at version ${version} after message ${seq ?? "none"}`,
      Effect.gen(function*() {
        const { first, gateway, network } = yield* rig({ version })
        yield* gateway.established
        if (seq !== undefined) yield* first.push({ op: 11, d: { user_ids: [guest] }, seq })
        yield* Time.advance("1 millis")
        yield* first.terminate
        const { peer, resume } = yield* accept(network)
        assert.strictEqual(peer.endpoint, info.endpoint)
        assert.deepStrictEqual(resume, {
          op: 7,
          d: {
            server_id: info.serverId,
            session_id: Redacted.value(info.sessionId),
            token: Redacted.value(info.token),
            ...(version >= 9 ? { channel_id: info.channelId } : {}),
            ...(version >= 8 ? { seq_ack: seq ?? -1 } : {})
          }
        })
      })
    )
  }

  for (const version of [4, 7, 8, 9] as const) {
    test(
      `identifies itself at version ${version}`,
      Effect.gen(function*() {
        const { identify } = yield* rig({ version, maxDaveVersion: 3 })
        assert.deepStrictEqual(identify, {
          op: 0,
          d: {
            server_id: info.serverId,
            session_id: Redacted.value(info.sessionId),
            token: Redacted.value(info.token),
            user_id: info.userId,
            ...(version >= 9 ? { channel_id: info.channelId } : {}),
            ...(version >= 8 ? { max_dave_protocol_version: 3 } : {})
          }
        })
      })
    )
  }

  test(
    "assigns an SSRC to its user before encryption hears of it, and forgets users who leave",
    Effect.gen(function*() {
      const heard: Array<readonly [op: number, userId: UserId | undefined]> = []
      const { events, first, gateway, network, users } = yield* rig({
        onE2ee: (op, users) => heard.push([op, users.userOf(Ssrc.make(9))])
      })
      yield* gateway.established
      yield* first.push({ op: 5, d: { user_id: guest, ssrc: Ssrc.make(9), speaking: 1 } })
      yield* first.pushDave({ op: 25, seq: 3, externalSender: Uint8Array.of(1) })
      yield* first.push({ op: 13, d: { user_id: guest } })
      yield* Time.advance("1 millis")
      assert.deepStrictEqual(heard, [[5, guest], [25, guest], [13, undefined]])
      assert.isUndefined(users.userOf(Ssrc.make(9)))
      assert.deepStrictEqual(events.map(({ _tag }) => _tag).filter((tag) => tag !== "Heartbeat"), [
        "Speaking",
        "UserDisconnected"
      ])
      yield* first.terminate
      yield* accept(network)
      yield* Time.advance("1 millis")
      assert.deepStrictEqual(heard.slice(3), [[1006, undefined], [9, undefined]])
    })
  )

  test(
    "treats SSRC 0 as none, which is nobody's",
    Effect.gen(function*() {
      const { events, first, gateway, users } = yield* rig()
      yield* gateway.established
      yield* first.push({ op: 5, d: { user_id: guest, ssrc: Ssrc.make(9), speaking: 1 } })
      yield* first.push({ op: 5, d: { user_id: guest, ssrc: Ssrc.make(0), speaking: 0 } })
      yield* first.push({ op: 12, d: { user_id: guest, audio_ssrc: Ssrc.make(0) } })
      yield* Time.advance("1 millis")
      assert.isUndefined(users.userOf(Ssrc.make(0)))
      assert.strictEqual(users.userOf(Ssrc.make(9)), guest)
      assert.lengthOf(events.filter(({ _tag }) => _tag === "Speaking" || _tag === "Announced"), 1)
    })
  )

  test(
    "handles what is replayed, and sends its speaking flags again on the new socket",
    Effect.gen(function*() {
      const { first, gateway, network, users } = yield* rig()
      yield* gateway.established
      gateway.setSpeaking(5, ssrc)
      assert.strictEqual((yield* take(first)).op, 5)
      yield* first.terminate
      const replayed = [{ op: 5, d: { user_id: guest, ssrc: Ssrc.make(9), speaking: 1 }, seq: 4 }] as const
      const { peer } = yield* accept(network, replayed)
      assert.deepStrictEqual(yield* take(peer), { op: 5, d: { speaking: 5, delay: 0, ssrc } })
      assert.strictEqual(users.userOf(Ssrc.make(9)), guest)
      // and the next resume acknowledges what was replayed
      yield* peer.terminate
      const { resume } = yield* accept(network)
      assert(resume.op === 7)
      assert.strictEqual(resume.d.seq_ack, 4)
      yield* Time.advance("1 millis")
      assert.strictEqual(gateway.statistics().resumes, 2)
    })
  )

  test(
    "sends only the last of the speaking flags that were set during a resume",
    Effect.gen(function*() {
      const { first, gateway, network } = yield* rig()
      yield* gateway.established
      gateway.setSpeaking(1, ssrc)
      yield* take(first)
      yield* first.terminate
      const peer = yield* network.accept
      gateway.setSpeaking(2, ssrc)
      yield* Time.advance("1 millis")
      yield* peer.push(hello)
      assert.strictEqual((yield* take(peer)).op, 7)
      gateway.setSpeaking(4, ssrc)
      yield* Time.advance("1 millis")
      yield* peer.push({ op: 9, d: null })
      const messages = yield* attend(peer)
      yield* Time.advance("1 second")
      assert.deepStrictEqual(messages, [{ op: 5, d: { speaking: 4, delay: 0, ssrc } }])
    })
  )

  test(
    "has a single heartbeat after a resume",
    Effect.gen(function*() {
      const { first, gateway, network } = yield* rig()
      yield* gateway.established
      yield* first.terminate
      yield* Effect.flatMap(accept(network), ({ peer }) => Effect.andThen(Time.advance("1 millis"), peer.terminate))
      const { peer } = yield* accept(network)
      yield* attend(peer)
      yield* Time.advance("1 millis")
      const before = gateway.statistics().heartbeatsSent
      yield* Time.advance("27500 millis")
      assert.strictEqual(gateway.statistics().heartbeatsSent - before, 2)
    })
  )

  test(
    "tries to reach an absent gateway with growing delays, as often as it may",
    Effect.gen(function*() {
      const { ended, first, gateway, network, reason } = yield* rig({ resumeAttempts: 3 })
      yield* gateway.established
      for (let times = 0; times < 3; times++) yield* network.refuse("Refused")
      yield* first.terminate
      yield* TestClock.adjust("300 millis")
      assert.isFalse(Deferred.isDoneUnsafe(ended))
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* reason)._tag, "SocketOpenFailed")
      assert.strictEqual(yield* network.waiting, 0)
    })
  )

  test(
    "resumes when the gateway is back",
    Effect.gen(function*() {
      const { events, first, gateway, network, tags } = yield* rig()
      yield* gateway.established
      for (let times = 0; times < 4; times++) yield* network.refuse("Refused")
      yield* first.terminate
      // half a second, one, two and four, plus or minus a fifth
      yield* TestClock.adjust("5900 millis")
      assert.strictEqual(yield* network.waiting, 0)
      yield* TestClock.adjust("3200 millis")
      assert.strictEqual(yield* network.waiting, 1)
      yield* accept(network)
      yield* Time.advance("1 millis")
      assert.deepStrictEqual(tags(), ["Resuming", "Resumed"])
      const resumed = events.find(({ _tag }) => _tag === "Resumed")
      assert(resumed?._tag === "Resumed")
      assert.isAtLeast(resumed.elapsedMs, 5_900)
      assert.isAtMost(resumed.elapsedMs, 9_200)
    })
  )

  test(
    "waits ten seconds at most between attempts",
    Effect.gen(function*() {
      const { first, gateway, network } = yield* rig({ resumeAttempts: 9 })
      yield* gateway.established
      for (let times = 0; times < 8; times++) yield* network.refuse("Refused")
      yield* first.terminate
      // 45.5 seconds, plus or minus a fifth
      yield* TestClock.adjust("55 seconds")
      assert.strictEqual(yield* network.waiting, 1)
    })
  )

  test(
    "varies its delays, so that not all clients of a gateway try again at the same moment",
    Effect.gen(function*() {
      const { first, gateway, network } = yield* rig()
      yield* gateway.established
      let peer = first
      const delays = new Set<number>()
      for (let times = 0; times < 8; times++) {
        yield* Time.advance("10 seconds")
        yield* network.refuse("Refused")
        yield* peer.terminate
        yield* Time.advance("399 millis")
        let delayMs = 400
        for (; (yield* network.waiting) === 0; delayMs += 25) yield* Time.advance("25 millis")
        assert.isAtMost(delayMs, 625)
        delays.add(delayMs)
        peer = (yield* accept(network)).peer
      }
      assert.isAbove(delays.size, 1)
    })
  )

  test(
    "does not try again to open what can never be opened",
    Effect.gen(function*() {
      const { first, gateway, network, reason } = yield* rig()
      yield* gateway.established
      yield* network.refuse("InvalidUrl")
      yield* first.terminate
      assert.strictEqual((yield* reason)._tag, "SocketOpenFailed")
      yield* Time.advance("1 minute")
      assert.strictEqual(yield* network.waiting, 0)
    })
  )

  test(
    "does not report a malformed message of the former socket when the next one says nothing",
    Effect.gen(function*() {
      const { first, gateway, network, reason } = yield* rig({ resumeAttempts: 1 })
      yield* gateway.established
      yield* first.pushMalformed("no ssrc", 5)
      yield* Time.advance("1 millis")
      yield* first.terminate
      yield* network.accept
      yield* TestClock.adjust("5 seconds")
      const why = yield* reason
      assert(why._tag === "PhaseTimedOut")
      assert.strictEqual(why.phase, "hello")
      assert.isUndefined(why.malformed)
    })
  )

  test(
    "gives up at once when the session is rejected",
    Effect.gen(function*() {
      const { first, gateway, network, reason } = yield* rig()
      yield* gateway.established
      yield* first.terminate
      const peer = yield* network.accept
      yield* peer.push(hello)
      yield* take(peer)
      yield* peer.close(4006)
      assert.strictEqual((yield* reason)._tag, "SessionInvalid")
      assert.strictEqual(yield* network.waiting, 0)
    })
  )

  test(
    "gives up when Resume stays unanswered, and closes that socket",
    Effect.gen(function*() {
      const { first, gateway, network, reason } = yield* rig()
      yield* gateway.established
      yield* first.terminate
      const peer = yield* network.accept
      yield* peer.push(hello)
      yield* take(peer)
      yield* TestClock.adjust("5 seconds")
      const why = yield* reason
      assert(why._tag === "PhaseTimedOut")
      assert.strictEqual(why.phase, "resume")
      yield* peer.closed
      assert.strictEqual(yield* network.waiting, 0)
    })
  )

  test(
    "tries another socket if the Hello of one is malformed",
    Effect.gen(function*() {
      const { first, gateway, network, tags } = yield* rig()
      yield* gateway.established
      yield* first.terminate
      const peer = yield* network.accept
      yield* peer.pushMalformed("d.heartbeat_interval: Expected number.", 8)
      yield* accept(network)
      yield* Time.advance("1 millis")
      assert.deepStrictEqual(tags(), ["Resuming", "Resumed"])
    })
  )

  test(
    "warns of the first malformed message of each opcode, and continues",
    Effect.gen(function*() {
      const lines: Array<string> = []
      const { ended, first, gateway, users } = yield* rig().pipe(
        Effect.provide(Logger.layer([Logger.make(({ logLevel, message }) => lines.push(`${logLevel} ${message}`))])),
        Effect.provideService(References.MinimumLogLevel, "Debug")
      )
      yield* first.push({ op: 2, d: { ssrc, ip: "203.0.113.1", port: 50_001, modes: [] } })
      yield* gateway.established
      yield* first.push({
        op: 4,
        d: { mode: "aead_xchacha20_poly1305_rtpsize", secret_key: Array.from({ length: 32 }, () => 1) }
      })
      // a repeated Ready or Session Description is not waited for
      for (const op of [5, 5, 12, 2, 4, undefined]) yield* first.pushMalformed(`no ssrc in ${op}`, op)
      yield* first.push({ op: 5, d: { user_id: guest, ssrc } })
      yield* Time.advance("1 millis")
      assert.deepStrictEqual(
        lines.filter((line) => line.includes("no ssrc")),
        [5, 5, 12, 2, 4, undefined].map((op, i) =>
          `${i === 1 ? "Debug" : "Warn"} Malformed message from the voice gateway: no ssrc in ${op}`
        )
      )
      assert.strictEqual(gateway.statistics().malformedMessages, 6)
      assert.strictEqual(gateway.lastMalformed(), "no ssrc in undefined")
      assert.strictEqual(users.userOf(ssrc), guest)
      assert.isFalse(Deferred.isDoneUnsafe(ended))
    })
  )

  test(
    "ends at a malformed later Session Description only if a key is lost with it",
    Effect.gen(function*() {
      const { ended, first, gateway, reason } = yield* rig()
      yield* gateway.established
      yield* first.push({
        op: 4,
        d: { mode: "aead_xchacha20_poly1305_rtpsize", secret_key: Array.from({ length: 32 }, () => 1) }
      })
      yield* first.pushMalformed("d: Expected object", 4)
      yield* Time.advance("1 millis")
      assert.isFalse(Deferred.isDoneUnsafe(ended))
      yield* first.pushMalformed("d.secret_key: Expected array", 4, true)
      const why = yield* reason
      assert(why._tag === "ProtocolViolated")
      assert.include(why.detail, "Session Description cannot be used: d.secret_key")
      assert.strictEqual(gateway.statistics().malformedMessages, 2)
    })
  )

  test(
    "notices a socket that was lost while Identify was on its way",
    Effect.gen(function*() {
      const { ended, making, network } = yield* begin({
        wrap: (socket) => ({ ...socket, send: () => Effect.sleep("1 second") })
      })
      const first = yield* network.accept
      yield* first.push(hello)
      yield* Time.advance("1 millis")
      yield* first.close(4006)
      yield* TestClock.adjust("1 second")
      assert.isTrue(Deferred.isDoneUnsafe(ended))
      assert.isDefined(making.pollUnsafe())
    })
  )

  test(
    "replaces a socket that is lost at the moment it replaces another one",
    Effect.gen(function*() {
      let sockets = 0
      const { first, gateway, network, tags } = yield* rig({
        wrap: (socket) => {
          const isSecond = ++sockets === 2
          return {
            ...socket,
            send: (message) =>
              isSecond && message.op === 3
                ? VoiceError.fail(new VoiceError.ConnectionLost({ code: 1006, detail: "" }))
                : socket.send(message)
          }
        }
      })
      yield* gateway.established
      yield* first.terminate
      yield* accept(network)
      yield* TestClock.adjust("1 second")
      yield* accept(network)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(tags(), ["Resuming", "Resumed", "Resuming", "Resumed"])
      assert.strictEqual(yield* network.waiting, 0)
      assert.strictEqual(sockets, 3)
    })
  )

  test(
    "gives up when resumed sockets do not last, however often they can be resumed",
    Effect.gen(function*() {
      const { first, gateway, network, reason } = yield* rig({ resumeAttempts: 3 })
      yield* gateway.established
      yield* first.terminate
      for (let times = 0; times < 3; times++) {
        const { peer } = yield* accept(network)
        // long enough to look alive
        yield* Time.advance("3 seconds")
        yield* peer.terminate
      }
      assert.strictEqual((yield* reason)._tag, "ConnectionLost")
      assert.strictEqual(gateway.statistics().resumes, 3)
      assert.strictEqual(yield* network.waiting, 0)
    })
  )

  test(
    "waits ever longer before it resumes sockets that do not last",
    Effect.gen(function*() {
      const { first, gateway, network } = yield* rig()
      yield* gateway.established
      yield* first.terminate
      let { peer } = yield* accept(network)
      for (const delayMs of [500, 1_000, 1_500]) {
        yield* Time.advance("3 seconds")
        yield* peer.terminate
        yield* Time.advance(delayMs - 1)
        assert.strictEqual(yield* network.waiting, 0)
        yield* Time.advance(1)
        assert.strictEqual(yield* network.waiting, 1, `after ${delayMs} ms`)
        peer = (yield* accept(network)).peer
      }
    })
  )

  test(
    "counts a socket that was lost just before ten seconds as one that did not last",
    Effect.gen(function*() {
      const { first, gateway, network, reason } = yield* rig({ resumeAttempts: 2 })
      yield* gateway.established
      yield* first.terminate
      for (let times = 0; times < 2; times++) {
        const { peer } = yield* accept(network)
        yield* Time.advance("9999 millis")
        yield* peer.terminate
      }
      assert.strictEqual((yield* reason)._tag, "ConnectionLost")
    })
  )

  test(
    "counts sockets that did not last from the last one that did",
    Effect.gen(function*() {
      const { ended, first, gateway, network } = yield* rig({ resumeAttempts: 3 })
      yield* gateway.established
      yield* first.terminate
      for (const lastedMs of [3_000, 9_999, 10_000, 3_000, 9_999, 10_000, 3_000, 9_999]) {
        const { peer } = yield* accept(network)
        yield* Time.advance(lastedMs)
        yield* peer.terminate
      }
      yield* accept(network)
      assert.isFalse(Deferred.isDoneUnsafe(ended))
    })
  )

  test(
    "resumes any number of times if sockets last in between",
    Effect.gen(function*() {
      const { ended, first, gateway, network } = yield* rig({ resumeAttempts: 1 })
      yield* gateway.established
      yield* first.terminate
      for (let times = 0; times < 10; times++) {
        const { peer } = yield* accept(network)
        yield* TestClock.adjust("12 seconds")
        yield* peer.terminate
      }
      yield* Time.advance("1 millis")
      assert.isFalse(Deferred.isDoneUnsafe(ended))
    })
  )

  test(
    "does not resume before it is established, nor if it may not",
    Effect.gen(function*() {
      const early = yield* rig()
      yield* early.first.terminate
      assert.strictEqual((yield* early.reason)._tag, "ConnectionLost")
      const never = yield* rig({ resumeAttempts: 0 })
      yield* never.gateway.established
      yield* never.first.terminate
      assert.strictEqual((yield* never.reason)._tag, "ConnectionLost")
      assert.strictEqual(yield* never.network.waiting, 0)
    })
  )

  test(
    "closes with 1000 when it leaves, even a socket on which it was resuming",
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { first, gateway, network } = yield* Scope.provide(rig(), scope)
      yield* gateway.established
      yield* first.terminate
      const peer = yield* network.accept
      yield* peer.push(hello)
      assert.strictEqual((yield* take(peer)).op, 7)
      const closing = yield* Effect.forkScoped(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(closing)
      assert.strictEqual((yield* peer.closed).code, 1000)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* network.waiting, 0)
    })
  )

  test(
    "closes a socket on which it was resuming only after what came up later, such as audio",
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const order: Array<string> = []
      const { first, gateway, network } = yield* Scope.provide(
        rig({
          wrap: (socket) => ({
            ...socket,
            close: (code, reason) => {
              order.push(`closed with ${code}`)
              return socket.close(code, reason)
            }
          })
        }),
        scope
      )
      yield* Scope.addFinalizer(scope, Effect.sync(() => order.push("silence")))
      yield* gateway.established
      yield* first.terminate
      const peer = yield* network.accept
      yield* peer.push(hello)
      assert.strictEqual((yield* take(peer)).op, 7)
      const closing = yield* Effect.forkScoped(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(closing)
      assert.deepStrictEqual(order, ["silence", "closed with 1000"])
    })
  )

  test(
    "does not resume a socket that is lost while it leaves",
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { first, gateway, network, tags } = yield* Scope.provide(
        rig({ wrap: (socket) => ({ ...socket, close: () => Effect.void }) }),
        scope
      )
      yield* gateway.established
      const closing = yield* Effect.forkScoped(Scope.close(scope, Exit.void), { startImmediately: true })
      yield* TestClock.adjust("500 millis")
      yield* first.terminate
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(closing)
      assert.strictEqual(yield* network.waiting, 0)
      assert.deepStrictEqual(tags(), [])
    })
  )

  test(
    "waits a second for the other side's close frame when it leaves",
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      yield* Scope.provide(rig({ wrap: (socket) => ({ ...socket, close: () => Effect.void }) }), scope)
      const closing = yield* Effect.forkScoped(Scope.close(scope, Exit.void), { startImmediately: true })
      yield* TestClock.adjust("999 millis")
      assert.isUndefined(closing.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.isDefined(closing.pollUnsafe())
    })
  )

  test(
    "closes a socket that says nothing at first, instead of just cutting it",
    Effect.gen(function*() {
      const { making, network } = yield* begin()
      const peer = yield* network.accept
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual((yield* Effect.flip(Fiber.join(making))).reason._tag, "PhaseTimedOut")
      assert.strictEqual((yield* peer.closed).code, 1000)
    })
  )

  test(
    "sends one message at a time, and only the last of speaking flags that follow each other",
    Effect.gen(function*() {
      const sent: Array<unknown> = []
      const { gateway } = yield* rig({
        wrap: (socket) => ({
          ...socket,
          send: (message) => {
            if (message.op === 5 || message.op === 31) {
              sent.push(message.op === 5 ? message.d.speaking : message.op)
              return Effect.sleep("1 second")
            }
            return socket.send(message)
          }
        })
      })
      for (const flags of [1, 2, 3]) {
        gateway.setSpeaking(flags, ssrc)
        yield* Time.advance("1 millis")
      }
      gateway.post({ op: 31, d: { transition_id: 7 } })
      gateway.setSpeaking(4, ssrc)
      yield* TestClock.adjust("900 millis")
      assert.deepStrictEqual(sent, [1])
      yield* TestClock.adjust("4 seconds")
      assert.deepStrictEqual(sent, [1, 3, 31, 4])
    })
  )

  test(
    "acknowledges the last message, even if its number is lower than one before",
    Effect.gen(function*() {
      const { first, gateway, network } = yield* rig()
      yield* gateway.established
      for (const seq of [12, 3]) yield* first.push({ op: 11, d: { user_ids: [guest] }, seq })
      yield* Time.advance("1 millis")
      yield* first.terminate
      const { resume } = yield* accept(network)
      assert(resume.op === 7)
      assert.strictEqual(resume.d.seq_ack, 3)
    })
  )

  test(
    "keeps a limited number of messages for a server that does not read",
    Effect.gen(function*() {
      const sent: Array<number> = []
      const held = yield* Deferred.make<void>()
      const { gateway } = yield* rig({
        wrap: (socket) => ({
          ...socket,
          send: (message) =>
            message.op !== 23 ? socket.send(message) : Effect.andThen(
              Deferred.await(held),
              Effect.sync(() => sent.push(message.d.transition_id))
            )
        })
      })
      for (let id = 0; id < 5_000; id++) gateway.post({ op: 23, d: { transition_id: id } })
      yield* Time.advance("1 millis")
      yield* Deferred.succeed(held, undefined)
      yield* Time.advance("1 millis")
      assert.isAtMost(sent.length, 1_001)
      assert.strictEqual(sent.at(-1), 4_999)
    })
  )

  test(
    "cuts a socket whose resume is unanswered, since 1000 would mean leaving while audio flows",
    Effect.gen(function*() {
      const { first, gateway, network, reason } = yield* rig()
      yield* gateway.established
      yield* first.terminate
      const peer = yield* network.accept
      yield* peer.push(hello)
      assert.strictEqual((yield* take(peer)).op, 7)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual((yield* peer.closed).code, 1006)
      assert.strictEqual((yield* reason)._tag, "PhaseTimedOut")
    })
  )

  test(
    "ends, and logs why, if the socket that is to replace another one dies of a defect",
    Effect.gen(function*() {
      const logged: Array<string> = []
      const logger = Logger.make(({ cause, message }) => void logged.push(`${String(message)} ${Cause.pretty(cause)}`))
      let opened = 0
      const { ended, first, gateway, reason } = yield* rig({
        wrap: (socket) => {
          if (opened++ > 0) throw new Error("a part of one's own")
          return socket
        }
      }).pipe(Effect.provide(Logger.layer([logger])))
      yield* gateway.established
      yield* first.terminate
      yield* Time.advance("1 millis")
      assert.isTrue(Deferred.isDoneUnsafe(ended))
      assert.deepInclude(yield* reason, { _tag: "ConnectionLost", code: 1006 })
      assert.match(logged.join(), /a part of one's own/)
    })
  )

  it.effect("gives a socket as long to open as each phase has", () =>
    Effect.gen(function*() {
      const taken: Array<Net.Socket> = []
      const server = yield* Effect.acquireRelease(
        Effect.callback<Net.Server>((resume) => {
          // it accepts connections, and never answers
          const made = Net.createServer((socket) => void taken.push(socket))
          made.listen(0, "127.0.0.1", () => resume(Effect.succeed(made)))
        }),
        (made) =>
          Effect.sync(() => {
            made.close()
            // a socket that reads nothing does not notice that its client is gone
            for (const socket of taken) socket.destroy()
          })
      )
      const address = server.address()
      assert(typeof address === "object" && address !== null)
      const { making } = yield* begin({ endpoint: `ws://127.0.0.1:${address.port}`, phaseTimeoutMs: 30_000 })
      yield* TestClock.adjust("29 seconds")
      assert.isUndefined(making.pollUnsafe())
      yield* TestClock.adjust("1 second")
      const { reason } = yield* Effect.flip(Fiber.join(making))
      assert.deepInclude(reason, { _tag: "PhaseTimedOut", phase: "open" })
    }).pipe(
      Effect.provide([MockVoiceSocket.layer, VoiceSocket.layer.pipe(Layer.provide(Transport.layerWebSocket))])
    ))

  test(
    "reveals no secret in its errors",
    Effect.gen(function*() {
      const { first, gateway, network, reason } = yield* rig({ resumeAttempts: 1 })
      yield* gateway.established
      yield* network.refuse("Refused")
      yield* first.terminate
      const why = yield* reason
      assert.notInclude(JSON.stringify(why) + why.message, Redacted.value(info.token))
    })
  )
})
