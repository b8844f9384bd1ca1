import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Latch, Scope } from "effect"
import * as Dave from "../../../src/Dave.ts"
import * as E2ee from "../../../src/driver/e2ee/E2ee.ts"
import type * as Line from "../../../src/driver/Line.ts"
import type { Gate } from "../../../src/driver/media/Sending.ts"
import type * as Signalling from "../../../src/driver/signalling/Signalling.ts"
import * as SsrcMap from "../../../src/driver/SsrcMap.ts"
import { ChannelId, Ssrc, UserId } from "../../../src/protocol/Identifier.ts"
import type * as VoicePayload from "../../../src/protocol/VoicePayload.ts"
import * as FrameRing from "../../../src/ring/FrameRing.ts"
import * as MockDave from "../../../src/testing/MockDave.ts"
import * as Time from "../../../src/testing/Time.ts"
import type * as VoiceError from "../../../src/VoiceError.ts"

const self = UserId.make("30")
const guest = UserId.make("31")
const frame = Uint8Array.of(0xfc, 1, 2, 3)
const bytes = Uint8Array.of(1, 2, 3)

const description = (dave_protocol_version?: number): VoicePayload.ServerMessage => ({
  op: 4,
  d: {
    mode: "aead_aes256_gcm_rtpsize",
    secret_key: Array.from({ length: 32 }, () => 0),
    ...(dave_protocol_version === undefined ? {} : { dave_protocol_version })
  }
})
const connected = (...user_ids: ReadonlyArray<UserId>): VoicePayload.ServerMessage => ({ op: 11, d: { user_ids } })
const gone = (user_id: UserId): VoicePayload.ServerMessage => ({ op: 13, d: { user_id } })
const prepare = (transition_id: number, protocol_version: number): VoicePayload.ServerMessage => ({
  op: 21,
  d: { transition_id, protocol_version }
})
const execute = (transition_id: number): VoicePayload.ServerMessage => ({ op: 22, d: { transition_id } })
const prepareEpoch = (epoch: number, protocol_version = 1): VoicePayload.ServerMessage => ({
  op: 24,
  d: { epoch, protocol_version }
})

/** The encryption of a connection, and everything that it reports. `engine` changes what the group does. */
const rig = Effect.fnUntraced(function*(
  engine: (group: Dave.Group) => Partial<Dave.Group> = () => ({}),
  maxVersion = 1
) {
  const dave = yield* Dave.Dave
  const mock = yield* MockDave.MockDave
  const opened = yield* dave.open({ userId: self, channelId: ChannelId.make("20") })
  const group = { ...opened, ...engine(opened) }
  const clock = { nowMs: 1_000_000 }
  const sent: Array<Signalling.Outgoing> = []
  const gates: Array<Gate> = []
  const changes: Array<Line.E2ee> = []
  const failures: Array<VoiceError.VoiceError> = []
  const heard: Array<Uint8Array> = []
  const users = SsrcMap.make()
  const e2ee = yield* E2ee.make({
    group,
    self,
    maxVersion,
    users,
    now: () => clock.nowMs,
    send: (message) => sent.push(message),
    onEncrypting: () => {},
    onGate: (gate) => gates.push(gate),
    onPacket: ({ payload }) => heard.push(payload),
    onChange: (change) => changes.push(change),
    onFailed: (error) => failures.push(error)
  })
  let sequence = 0
  const hear = (payload: Uint8Array, userId = guest, ssrc = 7) =>
    e2ee.receive({ ssrc: Ssrc.make(ssrc), userId, sequence: sequence++, timestamp: 0, payload, arrivalMs: clock.nowMs })
  return {
    mock,
    clock,
    users,
    e2ee,
    failures,
    heard,
    hear,
    say: (...messages: ReadonlyArray<VoicePayload.ServerMessage>) =>
      Effect.forEach(messages, (message) => e2ee.onMessage(message), { discard: true }),
    welcome: (transitionId: number) => e2ee.onFrame({ op: 30, seq: 0, transitionId, welcome: bytes }),
    commit: (transitionId: number) => e2ee.onFrame({ op: 29, seq: 0, transitionId, commit: bytes }),
    propose: e2ee.onFrame({ op: 27, seq: 0, operation: "append", payload: bytes }),
    /** What was sent since the last call, as `op` or `op:id`. */
    take: () =>
      sent.splice(0).map((message) =>
        message.op === 23 || message.op === 31 ? `${message.op}:${message.d.transition_id}` : `${message.op}`
      ),
    gate: () => gates.at(-1),
    state: () => changes.at(-1),
    changes
  }
})

/** In a group with the guest, with the first transition executed. */
const member = Effect.fnUntraced(function*(
  engine?: (group: Dave.Group) => Partial<Dave.Group>,
  maxVersion?: number
) {
  const made = yield* rig(engine, maxVersion)
  yield* made.say(connected(guest), description(1))
  yield* made.e2ee.onFrame({ op: 25, seq: 0, externalSender: bytes })
  yield* made.propose
  yield* made.welcome(0)
  made.take()
  return made
})

const test = (
  name: string,
  body: Effect.Effect<unknown, unknown, Dave.Dave | MockDave.MockDave | Scope.Scope>
) => it.effect(name, () => Effect.asVoid(body).pipe(Effect.provide(MockDave.layer)))

const settle = Time.advance(0)

describe("E2ee", () => {
  test(
    "leaves everything as it is at version 0",
    Effect.gen(function*() {
      for (const version of [undefined, 0]) {
        const { gate, hear, heard, say, state, take } = yield* rig()
        yield* say(connected(guest), description(version))
        assert.deepStrictEqual(take(), [])
        assert.deepStrictEqual(gate(), { _tag: "open" })
        assert.deepStrictEqual(state(), { version: 0, transitioning: false })
        hear(frame)
        assert.deepStrictEqual(heard, [frame])
      }
    })
  )

  test(
    "sends a key package that leads to nothing again while others are there, doubling the wait",
    Effect.gen(function*() {
      const { e2ee, propose, say, take, welcome } = yield* rig()
      yield* say(description(1))
      assert.deepStrictEqual(take(), ["26"])
      yield* Time.advance(60_000)
      assert.deepStrictEqual(take(), [], "nobody is there who could add us")
      yield* say(connected(guest))
      for (const waitMs of [10_000, 20_000, 40_000]) {
        yield* Time.advance(waitMs - 1)
        assert.deepStrictEqual(take(), [])
        yield* Time.advance(1)
        assert.deepStrictEqual(take(), ["26"])
      }
      assert.strictEqual(e2ee.statistics().recoveries, 3)
      yield* e2ee.onFrame({ op: 25, seq: 0, externalSender: bytes })
      yield* propose
      yield* welcome(0)
      take()
      yield* Time.advance(600_000)
      assert.deepStrictEqual(take(), [])
    })
  )

  test(
    "does not send a key package again that is answered while its time runs out",
    Effect.gen(function*() {
      const taken = yield* Latch.make()
      const { e2ee, say, take, welcome } = yield* rig((group) => ({
        welcome: (bytes) => Effect.andThen(taken.await, group.welcome(bytes))
      }))
      yield* say(connected(guest), description(1))
      assert.deepStrictEqual(take(), ["26"])
      yield* Effect.forkScoped(welcome(0))
      yield* Time.advance(10_000)
      yield* taken.open
      yield* settle
      assert.deepStrictEqual(take(), [])
      assert.strictEqual(e2ee.statistics().recoveries, 0)
    })
  )

  test(
    "does not report the same state again",
    Effect.gen(function*() {
      const { changes, say } = yield* member()
      const before = changes.length
      yield* say(connected(guest), description(1), execute(9), gone(UserId.make("32")))
      assert.lengthOf(changes, before)
    })
  )

  test(
    "answers Session Description with a key package at once, and proposals with a commit",
    Effect.gen(function*() {
      const { changes, commit, e2ee, mock, propose, say, take } = yield* rig()
      yield* say(connected(guest, self), description(1))
      assert.deepStrictEqual(take(), ["26"])
      yield* e2ee.onFrame({ op: 25, seq: 0, externalSender: bytes })
      yield* propose
      assert.deepStrictEqual(take(), ["28"])
      yield* commit(0)
      assert.deepStrictEqual(take(), [], "a transition 0 is executed at once")
      assert.deepStrictEqual((yield* mock.operations).map(({ operation }) => operation), [
        "create",
        "external-sender",
        "proposals",
        "commit"
      ])
      assert.deepStrictEqual(changes.at(-1), {
        version: 1,
        membership: { epoch: 1, privacyCode: "1".padStart(30, "0"), members: [self, guest] },
        transitioning: false
      })
    })
  )

  test(
    "holds audio until there is a group, and drops it while nobody else is there",
    Effect.gen(function*() {
      const { clock, gate, say, welcome } = yield* rig()
      yield* say(description(1))
      assert.deepStrictEqual(gate(), { _tag: "drop" })
      yield* say(connected(guest))
      const held: Gate = { _tag: "hold", untilMs: clock.nowMs + 5_000, afterwards: "drop" }
      assert.deepStrictEqual(gate(), held)
      clock.nowMs += 3_000
      yield* say(connected(UserId.make("33")))
      assert.deepStrictEqual(gate(), held, "the wait is not prolonged")
      yield* welcome(7)
      assert.deepStrictEqual(gate(), { _tag: "hold", untilMs: clock.nowMs + 2_500, afterwards: "open" })
      yield* say(execute(7))
      assert.deepStrictEqual(gate(), { _tag: "open" })
    })
  )

  test(
    "reports transitions as ready and executes them by their IDs, several pending at a time",
    Effect.gen(function*() {
      const { commit, e2ee, gate, say, state, take } = yield* member()
      yield* commit(3)
      yield* commit(4)
      assert.deepStrictEqual(take(), ["23:3", "23:4"])
      assert.isTrue(state()?.transitioning)
      assert.deepStrictEqual(gate(), { _tag: "open" }, "a group that goes on holds nobody up")
      yield* say(execute(4))
      assert.isTrue(state()?.transitioning)
      yield* say(execute(9), execute(4), execute(3))
      assert.isFalse(state()?.transitioning)
      assert.strictEqual(e2ee.statistics().transitions, 3)
      assert.strictEqual(state()?.membership?.epoch, 3)
    })
  )

  test(
    "accepts plain frames once a downgrade is announced, but stays encrypted until it is executed",
    Effect.gen(function*() {
      const { e2ee, hear, heard, say, state, take } = yield* member()
      hear(frame)
      assert.deepStrictEqual(heard, [])
      yield* say(prepare(5, 0))
      assert.deepStrictEqual(take(), ["23:5"])
      assert.strictEqual(state()?.version, 1)
      hear(frame)
      hear(MockDave.protect(frame, 1))
      assert.deepStrictEqual(heard, [frame, frame])
      assert.strictEqual(state()?.membership?.epoch, 1)
      yield* say(execute(5))
      assert.deepStrictEqual(state(), { version: 0, transitioning: false }, "a plain call has no privacy code")
      hear(MockDave.protect(frame, 1))
      assert.deepStrictEqual(heard, [frame, frame, frame], "one who is late is still understood")
      assert.strictEqual(e2ee.statistics().unencrypted, 1)
    })
  )

  test(
    "treats an upgrade as a new group, and accepts plain frames for ten seconds after it",
    Effect.gen(function*() {
      const { clock, gate, hear, heard, say, state, take, welcome } = yield* member()
      yield* say(prepare(5, 0), execute(5))
      take()
      yield* say(prepareEpoch(1))
      assert.deepStrictEqual(take(), ["26"])
      assert.strictEqual(state()?.version, 0)
      assert.deepStrictEqual(gate(), { _tag: "open" }, "audio goes on, as it was")
      hear(MockDave.protect(frame, 1))
      assert.deepStrictEqual(heard, [], "one who is early cannot be understood yet")
      yield* welcome(6)
      assert.deepStrictEqual(heard.splice(0), [frame])
      assert.deepStrictEqual(take(), ["23:6"])
      assert.deepStrictEqual(state(), { version: 0, transitioning: true }, "a plain call has no privacy code")
      yield* say(execute(6))
      assert.strictEqual(state()?.version, 1)
      assert.isDefined(state()?.membership)
      assert.deepStrictEqual(gate(), { _tag: "open" })
      clock.nowMs += 10_000
      hear(frame)
      clock.nowMs += 1
      hear(frame)
      assert.lengthOf(heard, 1)
    })
  )

  test(
    "passes on encrypted-looking frames in a plain call, unless an upgrade is announced",
    Effect.gen(function*() {
      const { hear, heard, say } = yield* rig()
      const strange = MockDave.protect(frame, 1)
      yield* say(connected(guest), description(1), description(0))
      hear(strange)
      assert.deepStrictEqual(heard, [strange])
      yield* say(prepare(5, 1))
      hear(strange)
      assert.lengthOf(heard, 1)
    })
  )

  test(
    "drops an announced downgrade when a group begins again",
    Effect.gen(function*() {
      const { clock, e2ee, hear, heard, say, state } = yield* member()
      yield* say(prepare(5, 0), prepareEpoch(1))
      assert.isFalse(state()?.transitioning)
      hear(frame)
      clock.nowMs += 10_001
      hear(frame)
      assert.deepStrictEqual(heard, [frame], "plain frames for ten seconds")
      assert.strictEqual(e2ee.statistics().unencrypted, 1)
      yield* say(execute(5))
      assert.strictEqual(state()?.version, 1)
    })
  )

  test(
    "holds audio as long for the next group as for the first",
    Effect.gen(function*() {
      const { clock, gate, say, welcome } = yield* rig()
      yield* say(connected(guest), description(1))
      yield* welcome(0)
      assert.deepStrictEqual(gate(), { _tag: "open" })
      clock.nowMs += 60_000
      yield* say(prepareEpoch(1))
      assert.deepStrictEqual(gate(), { _tag: "hold", untilMs: clock.nowMs + 5_000, afterwards: "drop" })
    })
  )

  test(
    "holds audio while the engine still makes the key",
    Effect.gen(function*() {
      const { gate, say, state } = yield* rig(() => ({ create: () => Effect.never }))
      yield* say(connected(guest))
      yield* Effect.forkScoped(say(description(1)))
      yield* settle
      assert.strictEqual(gate()?._tag, "hold")
      assert.strictEqual(state()?.version, 1)
    })
  )

  test(
    "asks to join if an epoch of others is announced before Session Description",
    Effect.gen(function*() {
      const { say, take } = yield* rig()
      yield* say(connected(guest), prepareEpoch(2))
      assert.deepStrictEqual(take(), [])
      yield* say(description(1))
      assert.deepStrictEqual(take(), ["26"])
    })
  )

  test(
    "begins again with the next socket if the former one ended while the key package was being made",
    Effect.gen(function*() {
      const made = yield* Latch.make()
      const { e2ee, gate, say, take } = yield* rig((group) => ({
        create: (version) => Effect.andThen(made.await, group.create(version))
      }))
      yield* say(connected(guest))
      const handling = yield* Effect.forkScoped(say(description(1)))
      yield* settle
      e2ee.lost()
      yield* Fiber.interrupt(handling)
      e2ee.resumed()
      yield* settle
      assert.deepStrictEqual(take(), [])
      // another socket does not begin it once more
      e2ee.lost()
      e2ee.resumed()
      yield* made.open
      yield* settle
      assert.deepStrictEqual(take(), ["26"])
      assert.deepInclude(gate(), { _tag: "hold", untilMs: 1_005_000 })
    })
  )

  test(
    "holds frames that come while the engine takes a commit",
    Effect.gen(function*() {
      const taken = yield* Latch.make()
      const { commit, hear, heard } = yield* member((group) => ({
        commit: (bytes) => Effect.andThen(taken.await, group.commit(bytes))
      }))
      yield* Effect.forkScoped(commit(3))
      yield* settle
      hear(MockDave.protect(frame, 1))
      hear(MockDave.protect(bytes, 2))
      assert.deepStrictEqual(heard, [])
      yield* taken.open
      yield* settle
      assert.deepStrictEqual(heard, [bytes])
    })
  )

  test(
    "passes on no held frame of a user who leaves while the engine takes a commit",
    Effect.gen(function*() {
      const taken = yield* Latch.make()
      const { commit, e2ee, hear, heard, say } = yield* member((group) => ({
        commit: (bytes) => Effect.andThen(taken.await, group.commit(bytes))
      }))
      yield* Effect.forkScoped(commit(3))
      yield* settle
      hear(MockDave.protect(bytes, 2))
      yield* Effect.forkScoped(say(gone(guest)), { startImmediately: true })
      assert.strictEqual(e2ee.statistics().fromNonMembers, 1)
      yield* taken.open
      yield* settle
      assert.deepStrictEqual(heard, [])
    })
  )

  test(
    "closes its sources with the connection, and passes on nothing afterwards",
    Effect.gen(function*() {
      let closed = 0
      const answers: Array<() => void> = []
      const scope = yield* Scope.make()
      const made = yield* Scope.provide(
        member((group) => ({
          protect: (ring, options) => ({
            ...group.protect(ring, options),
            close: () => {
              closed++
            }
          }),
          decrypt: (from, payload, done) => answers.push(() => group.decrypt(from, payload, done))
        })),
        scope
      )
      const ring = FrameRing.make({ shared: false })
      const source = made.e2ee.protect(ring)
      source.starve?.()
      assert.isTrue(ring.isStarving())
      made.e2ee.protect(FrameRing.make({ shared: false })).close?.()
      assert.strictEqual(closed, 1)
      made.hear(MockDave.protect(frame, 1))
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(closed, 2)
      for (const answer of answers) answer()
      assert.lengthOf(answers, 1)
      assert.deepStrictEqual(made.heard, [])
      source.close?.()
      assert.strictEqual(closed, 2)
    })
  )

  for (const version of [0, 1]) {
    test(
      `begins a new group when the bot is alone, whatever version op 21 says (${version})`,
      Effect.gen(function*() {
        const { gate, say, state, take } = yield* member()
        yield* say(gone(guest), prepareEpoch(1))
        assert.deepStrictEqual(take(), ["26"])
        yield* say(prepare(0, version))
        assert.deepStrictEqual(take(), [])
        assert.deepStrictEqual(state(), { version: 1, transitioning: false })
        assert.deepStrictEqual(gate(), { _tag: "drop" })
      })
    )
  }

  test(
    "makes the call plain at once when a plain member joins the bot, which was alone",
    Effect.gen(function*() {
      const { gate, say, state, take } = yield* rig()
      yield* say(description(1))
      take()
      yield* say(connected(guest), prepare(0, 0))
      assert.deepStrictEqual(take(), [])
      assert.strictEqual(state()?.version, 0)
      assert.deepStrictEqual(gate(), { _tag: "open" })
    })
  )

  test(
    "fails on a transition to an unknown version, and does not report it as ready",
    Effect.gen(function*() {
      const { failures, say, state, take } = yield* member()
      yield* say(prepare(5, 2))
      assert.deepStrictEqual(take(), [])
      assert.isFalse(state()?.transitioning)
      assert.deepStrictEqual(
        failures.map(({ reason }) => reason._tag === "E2eeFailed" ? reason.kind : reason._tag),
        ["Version"]
      )
    })
  )

  test(
    "makes the call plain at once for the last member if the voice gateway says so",
    Effect.gen(function*() {
      const { gate, say, state } = yield* member()
      yield* say(gone(guest), prepare(0, 0))
      assert.strictEqual(state()?.version, 0)
      assert.deepStrictEqual(gate(), { _tag: "open" })
    })
  )

  test(
    "keeps its group at a later epoch, and fails if the version of one is unknown",
    Effect.gen(function*() {
      const { commit, failures, say, state, take } = yield* member()
      yield* say(prepareEpoch(2))
      assert.deepStrictEqual(take(), [])
      yield* commit(8)
      assert.strictEqual(state()?.membership?.epoch, 2)
      yield* say(prepareEpoch(3, 2))
      assert.strictEqual(failures.length, 1)
      assert(failures[0]?.reason._tag === "E2eeFailed")
      assert.strictEqual(failures[0].reason.kind, "Version")
    })
  )

  test(
    "keeps its group at a later Session Description",
    Effect.gen(function*() {
      const { say, state, take } = yield* member()
      yield* say(description(1))
      assert.deepStrictEqual(take(), [])
      assert.strictEqual(state()?.membership?.epoch, 1)
    })
  )

  for (const kind of ["commit", "welcome"] as const) {
    test(
      `answers a ${kind} that cannot be used with op 31 and a new key package`,
      Effect.gen(function*() {
        const made = yield* member()
        const { e2ee, gate, mock, state, take, welcome } = made
        yield* mock.refuse(kind, "WrongEpoch")
        yield* made[kind](9)
        assert.deepStrictEqual(take(), ["31:9", "26"])
        assert.isUndefined(state()?.membership)
        assert.strictEqual(gate()?._tag, "hold")
        yield* mock.refuse("commit")
        yield* made.commit(10)
        assert.deepStrictEqual(take(), [], "what the former group does is not for us any more")
        yield* welcome(11)
        assert.deepStrictEqual(take(), ["23:11"])
        assert.deepInclude(e2ee.statistics(), { recoveries: 1, rejections: 2 })
      })
    )
  }

  test(
    "forgets transitions of a group that goes on without the bot, but not a downgrade",
    Effect.gen(function*() {
      const { commit, mock, say, state, take, welcome } = yield* member()
      yield* commit(3)
      yield* say(prepare(4, 0))
      yield* mock.refuse("commit")
      yield* commit(5)
      assert.deepStrictEqual(take(), ["23:3", "23:4", "31:5", "26"])
      assert.isTrue(state()?.transitioning)
      yield* say(execute(4))
      assert.deepStrictEqual([state()?.version, state()?.transitioning], [0, false])

      const other = yield* member()
      yield* other.commit(3)
      yield* other.mock.refuse("commit")
      yield* other.commit(4)
      assert.isFalse(other.state()?.transitioning)
      yield* welcome(6)
    })
  )

  test(
    "ends pending transitions with a downgrade",
    Effect.gen(function*() {
      const { commit, say, state } = yield* member()
      yield* commit(3)
      yield* say(prepare(4, 0), execute(4))
      assert.isFalse(state()?.transitioning)
    })
  )

  test(
    "gives up if no welcome can ever be used",
    Effect.gen(function*() {
      const { failures, mock, take, welcome } = yield* member()
      for (let i = 0; i < 6; i++) {
        assert.deepStrictEqual(failures, [])
        yield* mock.refuse("welcome")
        yield* welcome(i)
      }
      assert.lengthOf(take(), 10)
      assert(failures[0]?.reason._tag === "E2eeFailed")
      assert.strictEqual(failures[0].reason.kind, "Group")
    })
  )

  test(
    "does not give up while each recovery leads to a group",
    Effect.gen(function*() {
      const { commit, failures, mock, take, welcome } = yield* member()
      for (let i = 0; i < 12; i++) {
        yield* mock.refuse("commit")
        yield* commit(i)
        assert.deepStrictEqual(take(), [`31:${i}`, "26"])
        yield* welcome(0)
      }
      assert.deepStrictEqual(failures, [])
    })
  )

  test(
    "counts rejected proposals, and does not commit them",
    Effect.gen(function*() {
      const { e2ee, mock, propose, take } = yield* member()
      yield* mock.refuse("proposals", "UnexpectedUser(5)")
      yield* propose
      assert.deepStrictEqual(take(), [])
      assert.strictEqual(e2ee.statistics().rejections, 1)
    })
  )

  test(
    "expects no more members than a call can have, however many users a server names",
    Effect.gen(function*() {
      const { commit, propose, say, state } = yield* member()
      const named = Array.from({ length: 15_000 }, (_, i) => UserId.make(String(1_000 + i)))
      yield* say({ op: 11, d: { user_ids: named } })
      yield* propose
      yield* commit(2)
      const members = state()?.membership?.members ?? []
      assert.isAtMost(members.length, 10_001)
      assert.deepStrictEqual([members[0], members.at(-1)], [self, named.at(-1)])
    })
  )

  test(
    "does not expect a user who has left in a proposal",
    Effect.gen(function*() {
      const { commit, propose, say, state } = yield* member()
      yield* say(gone(guest), connected(UserId.make("44")))
      yield* propose
      yield* commit(2)
      assert.deepStrictEqual(state()?.membership?.members, [self, UserId.make("44")])
    })
  )

  test(
    "asks to be added again after 36 unreadable frames in a row, but ever more rarely",
    Effect.gen(function*() {
      const { clock, commit, e2ee, hear, take, welcome } = yield* member()
      const spoilt = MockDave.protect(frame, 99)
      /** They come every 20 ms, and are given up after they have waited for a second. */
      const hearSpoilt = (count: number) => {
        for (let i = 0; i < count; i++) {
          clock.nowMs += 20
          hear(spoilt)
        }
      }
      hearSpoilt(50 + 35)
      yield* settle
      assert.deepStrictEqual(take(), [])
      hear(MockDave.protect(frame, 1))
      hearSpoilt(35)
      yield* settle
      assert.deepStrictEqual(take(), [], "one that is read begins the count anew")
      yield* commit(2)
      yield* e2ee.onMessage(execute(2))
      assert.deepStrictEqual(take(), ["23:2"])
      // 16 of the frames that still wait came before the one that was read
      hearSpoilt(16 + 35)
      yield* settle
      assert.deepStrictEqual(take(), [], "and so does another epoch")
      hearSpoilt(1)
      yield* settle
      assert.deepStrictEqual(take(), ["31:2", "26"])
      hearSpoilt(100)
      yield* settle
      assert.deepStrictEqual(take(), [])
      yield* welcome(3)
      assert.deepStrictEqual(take(), ["23:3"])
      hearSpoilt(2_000)
      yield* settle
      assert.deepStrictEqual(take(), [], "what cannot be read yet may be of the transition that is announced")
      yield* e2ee.onMessage(execute(3))

      let recoveries = 0
      for (let second = 0; second < 600; second++) {
        hearSpoilt(50)
        yield* settle
        if (take().includes("31:3")) {
          recoveries++
          yield* welcome(3)
          yield* e2ee.onMessage(execute(3))
          take()
        }
      }
      assert.isAtLeast(recoveries, 4)
      assert.isAtMost(recoveries, 7)
      assert.deepInclude(e2ee.statistics(), { recoveries: recoveries + 1 })
    })
  )

  test(
    "is not made to leave the group every few seconds by one whom nobody can read, while others can be read in between",
    Effect.gen(function*() {
      const { clock, commit, e2ee, hear, propose, say, state, take, welcome } = yield* member()
      const other = UserId.make("32")
      yield* say(connected(other))
      yield* propose
      yield* commit(0)
      take()
      let recoveries = 0
      for (let second = 0; second < 600; second++) {
        for (let frames = 0; frames < 50; frames++) {
          clock.nowMs += 20
          // they speak in turn, four seconds each
          if (second % 8 < 4) hear(MockDave.protect(frame, 99))
          else hear(MockDave.protect(frame, state()?.membership?.epoch ?? 0), other, 8)
        }
        yield* settle
        if (take().includes("31:0")) {
          recoveries++
          yield* propose
          yield* welcome(0)
          take()
        }
      }
      assert.strictEqual(e2ee.statistics().decrypted, 15_000)
      assert.isAtLeast(recoveries, 4)
      assert.isAtMost(recoveries, 7)
      assert.deepInclude(e2ee.statistics(), { recoveries })
    })
  )

  test(
    "stays in the group if a member sends bursts of garbage, whether others speak or not",
    Effect.gen(function*() {
      const { clock, e2ee, hear, take } = yield* member()
      const spoilt = MockDave.protect(frame, 99)
      for (let second = 0; second < 60; second++) {
        for (let i = 0; i < (second % 2 === 0 ? 60 : 400); i++) hear(spoilt)
        for (let i = 0; i < 50; i++) {
          clock.nowMs += 20
          if (second % 10 < 5 || i === 49) hear(MockDave.protect(frame, 1))
        }
        e2ee.statistics()
        yield* settle
      }
      assert.deepStrictEqual(take(), [])
      assert.deepInclude(e2ee.statistics(), { recoveries: 0 })
    })
  )

  test(
    "does not wait longer next time because of frames that come while it is about to ask",
    Effect.gen(function*() {
      const ready = yield* Latch.make(true)
      const { clock, hear, propose, take, welcome } = yield* member((group) => ({
        proposals: (...proposed) => Effect.andThen(ready.await, group.proposals(...proposed))
      }))
      const hearSpoilt = (seconds: number) => {
        for (let i = 0; i < seconds * 50; i++) {
          clock.nowMs += 20
          hear(MockDave.protect(frame, 99))
        }
        return settle
      }
      yield* ready.close
      yield* Effect.forkScoped(propose)
      yield* settle
      yield* hearSpoilt(4)
      assert.deepStrictEqual(take(), [])
      yield* ready.open
      yield* settle
      assert.deepStrictEqual(take(), ["28", "31:0", "26"])
      yield* welcome(0)
      yield* hearSpoilt(19)
      assert.deepStrictEqual(take(), [])
      yield* hearSpoilt(2)
      assert.deepStrictEqual(take(), ["31:0", "26"])
    })
  )

  test(
    "does not ask a second time for frames that are unreadable while a commit is rejected",
    Effect.gen(function*() {
      const ready = yield* Latch.make()
      const { clock, commit, hear, mock, take } = yield* member((group) => ({
        commit: (bytes) => Effect.andThen(ready.await, group.commit(bytes))
      }))
      for (let i = 0; i < 40; i++) hear(MockDave.protect(frame, 99))
      yield* mock.refuse("commit")
      yield* Effect.forkScoped(commit(3))
      yield* settle
      clock.nowMs += 1_100
      hear(MockDave.protect(frame, 99))
      yield* settle
      yield* ready.open
      yield* settle
      assert.deepStrictEqual(take(), ["31:3", "26"])
    })
  )

  test(
    "holds frames without a user longer while the WebSocket is lost, but not after the resume",
    Effect.gen(function*() {
      const { clock, e2ee, heard, say, users } = yield* member()
      const hearNameless = (ssrc: number) =>
        e2ee.receive({
          ssrc: Ssrc.make(ssrc),
          sequence: 0,
          timestamp: 0,
          payload: MockDave.protect(frame, 1),
          arrivalMs: clock.nowMs
        })
      e2ee.lost()
      hearNameless(7)
      clock.nowMs += 3_000
      users.assign(Ssrc.make(7), guest)
      yield* say({ op: 12, d: { user_id: guest, audio_ssrc: Ssrc.make(7) } })
      assert.deepStrictEqual(heard, [frame])
      e2ee.resumed()
      clock.nowMs += 1_001
      hearNameless(8)
      clock.nowMs += 3_000
      users.assign(Ssrc.make(8), guest)
      yield* say({ op: 5, d: { user_id: guest, ssrc: Ssrc.make(8), speaking: 1 } })
      assert.lengthOf(heard, 1)
    })
  )

  test(
    "executes a downgrade for a sole member whose group is beginning, too",
    Effect.gen(function*() {
      const { say, state } = yield* rig()
      yield* say(description(1), prepare(5, 0), execute(5))
      assert.strictEqual(state()?.version, 0)
    })
  )

  test(
    "opens nothing for a transition that nobody has announced",
    Effect.gen(function*() {
      const { e2ee, gate, propose, say, welcome } = yield* rig()
      yield* say(connected(guest), description(1))
      yield* e2ee.onFrame({ op: 25, seq: 0, externalSender: bytes })
      yield* propose
      yield* welcome(5)
      yield* say(execute(6))
      assert.strictEqual(gate()?._tag, "hold")
      yield* say(execute(5))
      assert.strictEqual(gate()?._tag, "open")
    })
  )

  test(
    "continues its group at another version with the commit after the announced epoch",
    Effect.gen(function*() {
      const { commit, say, state, take } = yield* member(undefined, 2)
      yield* say(prepareEpoch(2, 2))
      assert.deepStrictEqual(take(), [])
      yield* commit(4)
      assert.strictEqual(state()?.version, 1)
      yield* say(execute(4))
      assert.strictEqual(state()?.version, 2)
    })
  )

  test(
    "does not wait longer next time if a frame could be read in between",
    Effect.gen(function*() {
      const { clock, hear, take, welcome } = yield* member()
      const hearSpoilt = (seconds: number) => {
        for (let i = 0; i < seconds * 50; i++) {
          clock.nowMs += 20
          hear(MockDave.protect(frame, 99))
        }
        return settle
      }
      for (let times = 0; times < 4; times++) {
        yield* hearSpoilt(12)
        assert.deepStrictEqual(take(), ["31:0", "26"])
        yield* welcome(0)
        hear(MockDave.protect(frame, 1))
      }
    })
  )

  test(
    "sends what was not answered again after a resume",
    Effect.gen(function*() {
      const { commit, e2ee, mock, propose, say, take, welcome } = yield* rig()
      yield* say(connected(guest), description(1))
      take()
      e2ee.resumed()
      assert.deepStrictEqual(take(), ["26"])
      yield* propose
      take()
      e2ee.resumed()
      assert.deepStrictEqual(take(), ["26", "28"])
      yield* commit(4)
      take()
      e2ee.resumed()
      assert.deepStrictEqual(take(), ["23:4"])
      yield* say(execute(4))
      e2ee.resumed()
      assert.deepStrictEqual(take(), [])
      yield* propose
      yield* mock.refuse("commit")
      yield* commit(5)
      assert.deepStrictEqual(take(), ["28", "31:5", "26"])
      e2ee.resumed()
      assert.deepStrictEqual(take(), ["31:5", "26"], "the commit was for the former group")
      yield* welcome(0)
      e2ee.resumed()
      assert.deepStrictEqual(take(), [])
      yield* mock.refuse("commit")
      yield* commit(6)
      yield* say(prepareEpoch(1))
      assert.deepStrictEqual(take(), ["31:6", "26", "26"])
      e2ee.resumed()
      assert.deepStrictEqual(take(), ["26"], "of a group that begins anew nothing was invalid")
    })
  )

  test(
    "fails if the engine makes no key",
    Effect.gen(function*() {
      const { failures, mock, say } = yield* rig()
      yield* mock.refuse("create", "no randomness")
      yield* say(description(1))
      assert(failures[0]?.reason._tag === "E2eeFailed")
      assert.deepInclude(failures[0].reason, { kind: "Engine", detail: "no randomness" })
    })
  )
})
