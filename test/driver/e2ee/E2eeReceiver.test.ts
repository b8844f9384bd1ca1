import { assert, describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import * as Dave from "../../../src/Dave.ts"
import * as E2eeReceiver from "../../../src/driver/e2ee/E2eeReceiver.ts"
import type * as Line from "../../../src/driver/Line.ts"
import * as SsrcMap from "../../../src/driver/SsrcMap.ts"
import * as E2eeFrame from "../../../src/protocol/E2eeFrame.ts"
import { ChannelId, Ssrc, UserId } from "../../../src/protocol/Identifier.ts"
import * as OpusPacket from "../../../src/protocol/OpusPacket.ts"
import * as MockDave from "../../../src/testing/MockDave.ts"
import { bufferedBytes } from "../../integration/memory.ts"

const self = UserId.make("30")
const guest = UserId.make("31")
const stranger = UserId.make("32")
const guestSsrc = Ssrc.make(7)
const frame = Uint8Array.of(0xfc, 1, 2, 3)

/** A group in its first epoch, with the guest, unless `isMember` is false. */
const rig = Effect.fnUntraced(function*(options: {
  readonly isMember?: boolean
  /** If given, a decryption is answered when `answer` is called. */
  readonly later?: (answer: () => void) => void
} = {}) {
  const dave = yield* Dave.Dave
  const group = yield* dave.open({ userId: self, channelId: ChannelId.make("20") })
  if (options.isMember !== false) {
    yield* group.create(1)
    yield* group.proposals("append", new Uint8Array(), [self, guest])
    yield* group.commit(new Uint8Array())
  }
  const users = SsrcMap.make()
  const state = {
    nowMs: 0,
    takesPlain: false,
    isMember: options.isMember !== false,
    isPlainCall: false
  }
  const heard: Array<Line.AudioPacket> = []
  const outcomes: Array<boolean> = []
  /** Of those frames: when they came. */
  const arrivals: Array<number> = []
  const { later } = options
  const receiver = E2eeReceiver.make({
    group: {
      ...group,
      decrypt: later === undefined
        ? group.decrypt
        : (from, bytes, done) => later(() => group.decrypt(from, bytes, done))
    },
    users,
    now: () => state.nowMs,
    takesPlain: () => state.takesPlain,
    isMember: () => state.isMember,
    isPlainCall: () => state.isPlainCall,
    onPacket: (packet) => heard.push(packet),
    onDecrypted: (isReadable, arrivalMs) => {
      outcomes.push(isReadable)
      arrivals.push(arrivalMs)
    }
  })
  let received = 0
  const receive = (payload: Uint8Array, userId?: UserId, ssrc = guestSsrc) =>
    receiver.receive({
      ssrc,
      sequence: received++,
      timestamp: 0,
      payload,
      arrivalMs: state.nowMs,
      ...(userId === undefined ? {} : { userId })
    })
  return {
    group,
    users,
    state,
    heard,
    outcomes,
    arrivals,
    receiver,
    receive,
    payloads: () => heard.map(({ payload }) => payload)
  }
})

const test = (name: string, body: Effect.Effect<unknown, unknown, Dave.Dave | MockDave.MockDave | Scope.Scope>) =>
  it.effect(name, () => Effect.asVoid(body).pipe(Effect.provide(MockDave.layer)))

describe("E2eeReceiver", () => {
  describe("receiving", () => {
    test(
      "reads encrypted frames of members",
      Effect.gen(function*() {
        const { heard, receiver, outcomes, receive } = yield* rig()
        receive(MockDave.protect(frame, 1), guest)
        assert.deepStrictEqual(heard.map(({ payload, userId }) => [userId, payload]), [[guest, frame]])
        assert.deepStrictEqual(outcomes, [true])
        assert.strictEqual(receiver.statistics().decrypted, 1)
      })
    )

    test(
      "passes on silence as it is, and plain frames only if they are accepted",
      Effect.gen(function*() {
        const { heard, receiver, payloads, receive, state } = yield* rig()
        receive(OpusPacket.silenceFrame(), stranger)
        assert.lengthOf(heard, 1)
        receive(frame, guest)
        assert.lengthOf(heard, 1)
        assert.strictEqual(receiver.statistics().unencrypted, 1)
        state.takesPlain = true
        receive(frame, guest)
        assert.deepStrictEqual(payloads()[1], frame)
      })
    )

    test(
      "does not hold silence for frames that were given up because their sender has no name",
      Effect.gen(function*() {
        const { payloads, receive, state } = yield* rig()
        receive(MockDave.protect(frame, 1))
        state.nowMs = 1_001
        receive(OpusPacket.silenceFrame())
        assert.deepStrictEqual(payloads(), [OpusPacket.silenceFrame()])
      })
    )

    test(
      "keeps few frames of a sender whom nobody names, however many come",
      Effect.gen(function*() {
        const { receive, receiver } = yield* rig()
        const before = yield* Effect.promise(bufferedBytes)
        for (let i = 0; i < 1_000; i++) receive(MockDave.protect(new Uint8Array(10_000), 1))
        assert.isBelow((yield* Effect.promise(bufferedBytes)) - before, 2_000_000)
        assert.strictEqual(receiver.statistics().unknownSenders, 900)
      })
    )

    test(
      "does not hold silence after a repeated frame, nor blame its keys for that frame",
      Effect.gen(function*() {
        const { heard, receiver, outcomes, receive } = yield* rig()
        receive(MockDave.protect(frame, 1), guest, guestSsrc)
        const [first] = heard
        // the engine reads a frame once; its error for a repetition stands here for that of another epoch
        receiver.receive({ ...first ?? assert.fail(), payload: MockDave.protect(frame, 9) })
        receive(OpusPacket.silenceFrame(), guest)
        assert.deepStrictEqual(heard.map(({ payload }) => payload), [frame, OpusPacket.silenceFrame()])
        assert.strictEqual(receiver.statistics().undecryptable, 1)
        assert.deepStrictEqual(outcomes, [true])
      })
    )

    test(
      "counts unreadable frames by their cause",
      Effect.gen(function*() {
        const { heard, receiver, outcomes, receive, state } = yield* rig()
        receive(MockDave.protect(frame, 2), guest)
        receive(MockDave.protect(frame, 1), stranger)
        assert.deepStrictEqual(heard, [])
        assert.deepStrictEqual(outcomes, [], "the next epoch may be on its way")
        state.nowMs = 1_001
        receive(MockDave.protect(Uint8Array.of(0xfc), 3), guest)
        assert.deepStrictEqual(outcomes, [false, false])
        assert.deepInclude(receiver.statistics(), { undecryptable: 1, fromNonMembers: 1, decrypted: 0 })
      })
    )

    test(
      "reads no encrypted frame without a group, but passes it on in a plain call",
      Effect.gen(function*() {
        const { heard, receiver, receive, state } = yield* rig({ isMember: false })
        receive(MockDave.protect(frame, 1), guest)
        state.nowMs = 1_001
        receive(MockDave.protect(frame, 1), guest)
        assert.deepStrictEqual(heard, [])
        assert.deepInclude(receiver.statistics(), { undecryptable: 1 })
        // senders who are late to encrypt are heard, but frames that are encrypted already still cannot be read
        state.takesPlain = true
        receive(MockDave.protect(frame, 1), guest)
        assert.deepStrictEqual(heard, [])
        state.isPlainCall = true
        receive(MockDave.protect(frame, 1), guest)
        assert.lengthOf(heard, 1)
      })
    )

    test(
      "reads frames that overtake the commit of their epoch once it is here, in order",
      Effect.gen(function*() {
        const { group, heard, receiver, outcomes, payloads, receive, state } = yield* rig()
        const second = Uint8Array.of(0xfc, 9)
        receive(MockDave.protect(frame, 2), guest)
        state.nowMs = 20
        receive(MockDave.protect(second, 2), guest)
        receive(MockDave.protect(second, 3), guest)
        receive(MockDave.protect(second, 1), guest)
        assert.lengthOf(heard, 1, "what can be read does not wait for it")
        yield* group.commit(new Uint8Array())
        receiver.endEpoch()
        assert.deepStrictEqual(payloads(), [second, frame, second])
        yield* group.commit(new Uint8Array())
        receiver.endEpoch()
        assert.lengthOf(heard, 4)
        assert.deepStrictEqual(outcomes, [true, true, true, true])
        assert.deepInclude(receiver.statistics(), { decrypted: 4, undecryptable: 0 })
      })
    )

    test(
      "queues frames that come during a commit after those that came before",
      Effect.gen(function*() {
        const { group, heard, receiver, payloads, receive } = yield* rig()
        const second = Uint8Array.of(0xfc, 9)
        receive(MockDave.protect(frame, 2), guest)
        receiver.beginEpoch()
        yield* group.commit(new Uint8Array())
        receive(MockDave.protect(second, 2), guest)
        assert.deepStrictEqual(heard, [])
        receiver.endEpoch()
        assert.deepStrictEqual(payloads(), [frame, second])
      })
    )

    test(
      "keeps frames from before a commit as well, however long it takes",
      Effect.gen(function*() {
        const { group, receiver, outcomes, payloads, receive, state } = yield* rig()
        const second = Uint8Array.of(0xfc, 9)
        receive(MockDave.protect(frame, 2), guest)
        receiver.beginEpoch()
        state.nowMs = 5_000
        receive(MockDave.protect(second, 2), guest)
        assert.deepInclude(receiver.statistics(), { undecryptable: 0 })
        yield* group.commit(new Uint8Array())
        receiver.endEpoch()
        assert.deepStrictEqual(payloads(), [frame, second])
        assert.deepStrictEqual(outcomes, [true, true])
      })
    )

    test(
      "holds a thousand packets during a commit, and tries to read those beyond",
      Effect.gen(function*() {
        const { heard, receiver, receive } = yield* rig()
        receiver.beginEpoch()
        for (let i = 0; i < 1_000; i++) receive(MockDave.protect(frame, 1), guest)
        assert.deepStrictEqual(heard, [])
        receive(MockDave.protect(frame, 1), guest)
        assert.lengthOf(heard, 1)
        receiver.endEpoch()
        assert.lengthOf(heard, 1_001)
      })
    )

    test(
      "gives up overdue frames on silence of others, and does not blame its keys if that comes late",
      Effect.gen(function*() {
        const { receiver, outcomes, receive, state } = yield* rig()
        const spoilt = MockDave.protect(frame, 9)
        receive(spoilt, guest)
        state.nowMs = 1_100
        receive(OpusPacket.silenceFrame(), stranger, Ssrc.make(8))
        assert.deepStrictEqual(outcomes, [false])
        // a packet that can be read does the same
        receive(spoilt, guest)
        state.nowMs = 2_200
        receive(MockDave.protect(frame, 1), guest)
        assert.deepStrictEqual(outcomes.splice(1), [false, true])
        receive(spoilt, guest)
        state.nowMs = 5_000
        receive(OpusPacket.silenceFrame(), stranger, Ssrc.make(8))
        assert.deepStrictEqual(outcomes, [false])
        assert.strictEqual(receiver.statistics().undecryptable, 3)
      })
    )

    test(
      "blames its keys for frames that are given up within a fifth of a second",
      Effect.gen(function*() {
        const { receiver, outcomes, receive, state } = yield* rig()
        for (const waitedMs of [1_200, 1_201]) {
          receive(MockDave.protect(frame, 9), guest)
          state.nowMs += waitedMs
          receiver.statistics()
        }
        assert.deepStrictEqual(outcomes, [false])
      })
    )

    test(
      "tells how long a frame has waited, but not how long another thread takes to decrypt it",
      Effect.gen(function*() {
        const answers: Array<() => void> = []
        const { heard, receive, state } = yield* rig({ later: (answer) => answers.push(answer) })
        for (const waitedMs of [4, 5]) {
          receive(MockDave.protect(frame, 1), guest)
          state.nowMs += waitedMs
          answers.shift()?.()
        }
        assert.deepStrictEqual(heard.map((packet) => packet.waitedMs), [undefined, 5])
      })
    )

    test(
      "passes on nothing that is decrypted after the connection is over",
      Effect.gen(function*() {
        const answers: Array<() => void> = []
        const { heard, receiver, outcomes, receive } = yield* rig({ later: (answer) => answers.push(answer) })
        receive(MockDave.protect(frame, 1), guest)
        receive(OpusPacket.silenceFrame(), guest)
        receiver.close()
        answers.shift()?.()
        assert.deepStrictEqual(heard, [])
        assert.deepStrictEqual(outcomes, [])
      })
    )

    test(
      "does not let garbage fill the memory",
      Effect.gen(function*() {
        const { receiver, receive } = yield* rig()
        for (let i = 0; i < 400; i++) receive(MockDave.protect(frame, 9), guest)
        assert.strictEqual(receiver.statistics().undecryptable, 150)
      })
    )

    test(
      "keeps silence after waiting frames of the same sender, and passes it on if they are given up",
      Effect.gen(function*() {
        const { group, receiver, payloads, receive, state, users } = yield* rig()
        const silence = OpusPacket.silenceFrame()
        // nobody has said yet whose it is
        receive(MockDave.protect(frame, 1))
        receive(silence)
        receive(silence, stranger, Ssrc.make(8))
        assert.deepStrictEqual(payloads(), [silence], "that of others does not wait")
        users.assign(guestSsrc, guest)
        receiver.onSender()
        assert.deepStrictEqual(payloads(), [silence, frame, silence])

        // the epoch has not begun yet
        receive(MockDave.protect(frame, 2), guest)
        receive(silence, guest)
        assert.lengthOf(payloads(), 3)
        receiver.beginEpoch()
        receive(MockDave.protect(Uint8Array.of(0xfc, 9), 2), guest)
        receive(silence, guest)
        yield* group.commit(new Uint8Array())
        receiver.endEpoch()
        assert.deepStrictEqual(payloads().slice(3), [frame, silence, Uint8Array.of(0xfc, 9), silence])

        receive(MockDave.protect(frame, 9), guest)
        receive(silence, guest)
        state.nowMs = 1_001
        assert.strictEqual(receiver.statistics().undecryptable, 1)
        assert.lengthOf(payloads(), 8)

        // its user is known before the epoch begins
        const other = Ssrc.make(9)
        receive(MockDave.protect(frame, 3), undefined, other)
        receive(silence, undefined, other)
        users.assign(other, guest)
        receiver.onSender()
        assert.lengthOf(payloads(), 8)
        receiver.beginEpoch()
        yield* group.commit(new Uint8Array())
        receiver.endEpoch()
        assert.deepStrictEqual(payloads().slice(8), [frame, silence])
      })
    )

    test(
      "holds frames of an unknown SSRC until its user is known, in order",
      Effect.gen(function*() {
        const { heard, receiver, payloads, receive, state, users } = yield* rig()
        const second = Uint8Array.of(0xfc, 9)
        receive(MockDave.protect(frame, 1))
        state.nowMs = 900
        receive(MockDave.protect(second, 1))
        receive(MockDave.protect(frame, 1), undefined, Ssrc.make(8))
        receiver.onSender()
        assert.deepStrictEqual(heard, [])
        users.assign(guestSsrc, guest)
        receiver.onSender()
        assert.deepStrictEqual(payloads(), [frame, second])
        assert.strictEqual(heard[0]?.userId, guest)
        users.assign(Ssrc.make(8), guest)
        receiver.onSender()
        assert.lengthOf(heard, 3)
      })
    )

    test(
      "reports frames that waited for their epoch with the time of their arrival",
      Effect.gen(function*() {
        const { arrivals, group, outcomes, receive, receiver, state } = yield* rig()
        state.nowMs = 100
        receive(MockDave.protect(frame, 2), guest)
        state.nowMs = 300
        yield* group.commit(new Uint8Array())
        receiver.endEpoch()
        assert.deepStrictEqual(outcomes, [true])
        assert.deepStrictEqual(arrivals, [100])
      })
    )

    test(
      "silence does not wait for a commit, even after a thousand packets that do",
      Effect.gen(function*() {
        const { payloads, receive, receiver } = yield* rig()
        const silence = OpusPacket.silenceFrame()
        receiver.beginEpoch()
        for (let i = 0; i < 999; i++) receive(MockDave.protect(frame, 1), guest)
        receive(silence, guest)
        assert.deepStrictEqual(payloads(), [])
        receive(silence, guest)
        assert.deepStrictEqual(payloads(), [silence])
        receiver.endEpoch()
        assert.lengthOf(payloads(), 1_001)
      })
    )

    test(
      "they do not wait for ever, nor all of them",
      Effect.gen(function*() {
        const { heard, receiver, receive, state, users } = yield* rig()
        for (let i = 0; i < 130; i++) receive(MockDave.protect(frame, 1))
        assert.strictEqual(receiver.statistics().unknownSenders, 30)
        state.nowMs = 1_001
        users.assign(guestSsrc, guest)
        receiver.onSender()
        assert.deepStrictEqual(heard, [])
        assert.strictEqual(receiver.statistics().unknownSenders, 130)
      })
    )
  })

  describe("while the WebSocket is lost", () => {
    test(
      "holds packets for a name and an epoch until the resume, for five seconds at most",
      Effect.gen(function*() {
        const { group, receiver, outcomes, payloads, receive, state, users } = yield* rig()
        const second = Uint8Array.of(0xfc, 9)
        receiver.lose()
        receive(MockDave.protect(second, 1))
        state.nowMs = 1_000
        receive(MockDave.protect(frame, 2))
        receive(MockDave.protect(second, 2), guest, Ssrc.make(8))
        state.nowMs = 5_900
        // what is replayed: the user first, and then the epoch
        users.assign(guestSsrc, guest)
        receiver.onSender()
        assert.deepStrictEqual(payloads(), [], "one is too old, the other one is of the next epoch")
        assert.strictEqual(receiver.statistics().unknownSenders, 1)
        yield* group.commit(new Uint8Array())
        receiver.endEpoch()
        assert.deepStrictEqual(payloads(), [second, frame])
        receiver.regain()
        assert.deepStrictEqual(outcomes, [true, true])
        assert.deepInclude(receiver.statistics(), { undecryptable: 0, fromNonMembers: 0 })
      })
    )

    test(
      "all excess packets that waited for a name are counted when the time after a resume is over",
      Effect.gen(function*() {
        const { receive, receiver, state } = yield* rig()
        receiver.lose()
        receiver.regain()
        state.nowMs = 500
        for (let i = 0; i < 500; i++) receive(MockDave.protect(frame, 1))
        assert.strictEqual(receiver.statistics().unknownSenders, 0)
        state.nowMs = 1_000
        assert.strictEqual(receiver.statistics().unknownSenders, 400)
      })
    )

    test(
      "what is given up says nothing of our keys, a thousand packets wait, and after the resume all is as before",
      Effect.gen(function*() {
        const { receiver, outcomes, receive, state } = yield* rig()
        receiver.lose()
        for (let i = 0; i < 1_100; i++) receive(MockDave.protect(frame, 9), guest)
        for (let i = 0; i < 1_100; i++) receive(MockDave.protect(frame, 1))
        assert.deepInclude(receiver.statistics(), { undecryptable: 100, unknownSenders: 100 })
        state.nowMs = 3_000
        receiver.regain()
        state.nowMs = 3_999
        assert.deepInclude(receiver.statistics(), { undecryptable: 100, unknownSenders: 100 })
        assert.deepStrictEqual(outcomes, [])
        state.nowMs = 4_000
        assert.deepInclude(receiver.statistics(), { undecryptable: 1_100, unknownSenders: 1_100 })
        assert.deepStrictEqual(outcomes, [])
        receive(MockDave.protect(frame, 9), guest)
        state.nowMs = 5_001
        assert.strictEqual(receiver.statistics().undecryptable, 1_101)
        assert.deepStrictEqual(outcomes, [false])
      })
    )
  })

  test(
    "does not let a sender whose frames wait in vain push out the frames of others",
    Effect.gen(function*() {
      const { group, receiver, payloads, receive, users } = yield* rig()
      const flood = Ssrc.make(8)
      receive(MockDave.protect(frame, 1))
      receive(MockDave.protect(frame, 2), guest, Ssrc.make(9))
      for (let i = 0; i < 100; i++) receive(MockDave.protect(frame, 1), undefined, flood)
      for (let i = 0; i < 250; i++) receive(MockDave.protect(frame, 9), stranger, flood)
      assert.deepInclude(receiver.statistics(), { unknownSenders: 1, fromNonMembers: 1 })
      users.assign(guestSsrc, guest)
      receiver.onSender()
      assert.lengthOf(payloads(), 1)
      yield* group.commit(new Uint8Array())
      receiver.endEpoch()
      assert.lengthOf(payloads(), 2)
    })
  )

  test(
    "keeps silence after frames that another thread decrypts, and holds up nobody else's",
    Effect.gen(function*() {
      const answers: Array<() => void> = []
      const { heard, receive } = yield* rig({ later: (answer) => answers.push(answer) })
      const another = Ssrc.make(8)
      receive(MockDave.protect(frame, 1), guest)
      receive(OpusPacket.silenceFrame(), guest)
      receive(OpusPacket.silenceFrame(), guest, another)
      receive(MockDave.protect(frame, 9), guest)
      receive(OpusPacket.silenceFrame(), guest)
      assert.deepStrictEqual(heard.map(({ ssrc }) => ssrc), [another])
      answers.shift()?.()
      const isSilence = () => heard.slice(1).map(({ payload }) => OpusPacket.isSilence(payload))
      assert.deepStrictEqual(isSilence(), [false, true])
      answers.shift()?.()
      assert.deepStrictEqual(isSilence(), [false, true], "behind a frame whose epoch has not come, too")
      receive(OpusPacket.silenceFrame(), guest, another)
      assert.deepStrictEqual(isSilence(), [false, true, true])
    })
  )

  test(
    "tells how long each held frame has waited",
    Effect.gen(function*() {
      const { group, heard, receiver, receive, state, users } = yield* rig()
      receive(MockDave.protect(frame, 1), guest)
      receive(MockDave.protect(frame, 1), undefined, Ssrc.make(8))
      receive(MockDave.protect(frame, 2), guest)
      receive(OpusPacket.silenceFrame(), guest)
      state.nowMs = 300
      users.assign(Ssrc.make(8), stranger)
      users.assign(guestSsrc, guest)
      yield* group.commit(new Uint8Array())
      receiver.endEpoch()
      assert.deepStrictEqual(heard.map(({ arrivalMs, waitedMs }) => [arrivalMs, waitedMs]), [
        [0, undefined],
        [0, 300],
        [0, 300]
      ])
    })
  )

  test(
    "passes on no pending frame of a user who has left, but hears one who comes back",
    Effect.gen(function*() {
      const answers: Array<() => void> = []
      const { heard, receiver, outcomes, receive } = yield* rig({ later: (answer) => answers.push(answer) })
      const answerAll = () => answers.splice(0).forEach((answer) => answer())
      // too early, and silence after it
      receive(MockDave.protect(frame, 9), guest)
      receive(OpusPacket.silenceFrame(), guest)
      answerAll()
      receive(MockDave.protect(frame, 1), guest)
      receive(OpusPacket.silenceFrame(), guest)
      receiver.beginEpoch()
      receive(MockDave.protect(frame, 1), guest)
      receiver.forget(stranger)
      assert.strictEqual(receiver.statistics().fromNonMembers, 0)
      receiver.forget(guest)
      answerAll()
      receiver.endEpoch()
      answerAll()
      assert.deepStrictEqual(heard, [])
      assert.deepStrictEqual(outcomes, [])
      assert.deepInclude(receiver.statistics(), { fromNonMembers: 5, decrypted: 0, undecryptable: 0 })
      receive(MockDave.protect(frame, 1), guest)
      answerAll()
      assert.lengthOf(heard, 1)
    })
  )

  it("is tested with frames that are recognized as encrypted", () => {
    assert.isTrue(E2eeFrame.isProtected(MockDave.protect(frame, 1)))
  })
})
