import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import * as MediaFrame from "../../../../src/emulator/core/dave/MediaFrame.ts"
import * as DaveFrame from "../../../../src/protocol/DaveFrame.ts"
import { UserId } from "../../../../src/protocol/Identifier.ts"
import * as VoicePayload from "../../../../src/protocol/VoicePayload.ts"
import { makeRoom, sessionDescription } from "./room.ts"

const frame = Uint8Array.of(0x78, 1, 2, 3, 4)
const silence = Uint8Array.of(0xf8, 0xff, 0xfe)

const opened = (bytes = frame) => Result.succeed({ frame: bytes, encrypted: true })
const plain = (bytes = frame) => Result.succeed({ frame: bytes, encrypted: false })

const pair = () => {
  const room = makeRoom()
  room.seat("11")
  room.seat("12")
  room.add(["11", "12"])
  return room
}

describe("Member", () => {
  it("sends a key package as soon as op 4 says that the channel is encrypted", () => {
    const room = makeRoom()
    room.seat("11")
    assert.deepStrictEqual(room.sent("11").map(({ op }) => op), [26])
    // Version and suite come first: a bare KeyPackage.
    assert.deepStrictEqual([...room.keyPackage("11").subarray(0, 4)], [0, 1, 0, 2])
    assert.isUndefined(room.member("11").membership())
  })

  it("forms a group with another member, and both hear each other bit for bit", () => {
    const room = pair()
    for (const [from, to] of [["11", "12"], ["12", "11"]] as const) {
      const sent = room.member(from).encrypt(frame) ?? new Uint8Array(0)
      assert.isDefined(MediaFrame.decode(sent))
      assert.notDeepEqual([...sent.subarray(0, frame.length)], [...frame])
      assert.deepStrictEqual(room.member(to).open(UserId.make(from), sent), opened())
    }
    const [a, b] = [room.member("11").membership(), room.member("12").membership()]
    assert.match(a?.privacyCode ?? "", /^\d{30}$/)
    assert.deepStrictEqual(a, b)
    assert.deepStrictEqual(a && { ...a, privacyCode: "" }, {
      version: 1,
      epoch: 1,
      privacyCode: "",
      members: [UserId.make("11"), UserId.make("12")]
    })
    assert.deepStrictEqual(room.counted(), {})
  })

  it("shares one privacy code with everyone while members come and go", () => {
    const room = pair()
    room.seat("13")
    room.add(["13"])
    room.seat("14")
    room.seat("15")
    room.add(["14", "15"])
    room.remove("12")
    room.seat("16")
    room.add(["16"])
    assert.strictEqual(room.leafOf("16"), 1)
    const codes = room.present().map((user) => room.member(user).membership())
    assert.lengthOf(codes, 5)
    for (const code of codes) assert.deepStrictEqual(code, codes[0])
    assert.strictEqual(codes[0]?.epoch, room.epoch())
    for (const from of room.present()) {
      for (const to of room.present()) {
        if (from !== to) {
          assert.deepStrictEqual(
            room.pass(from, to, Uint8Array.of(0x78, Number(from))),
            opened(Uint8Array.of(0x78, Number(from)))
          )
        }
      }
    }
    assert.deepStrictEqual(room.pass("12", "11", frame), Result.fail("not-a-member"))
    assert.deepStrictEqual(room.counted(), {})
  })

  it("shows the same verification code on both sides", async () => {
    const room = pair()
    const [a, b] = await Promise.all([
      room.member("11").verificationCode(UserId.make("12")),
      room.member("12").verificationCode(UserId.make("11"))
    ])
    assert.match(a ?? "", /^\d{45}$/)
    assert.strictEqual(a, b)
    assert.isUndefined(await room.member("11").verificationCode(UserId.make("99")))
  })

  it("sends only silence until there is a group", () => {
    const room = makeRoom()
    const member = room.seat("11")
    assert.isUndefined(member.encrypt(frame))
    assert.deepStrictEqual(member.encrypt(silence), silence)
    assert.deepStrictEqual(room.counted(), { "frame-withheld": 1 })
  })

  it("sends and accepts silence in plain text", () => {
    const room = pair()
    assert.deepStrictEqual(room.member("11").encrypt(silence), silence)
    assert.deepStrictEqual(room.pass("11", "12", silence), plain(silence))
  })

  it("names the cause when it cannot decrypt", () => {
    const room = pair()
    const listener = room.member("12")
    const sent = room.member("11").encrypt(frame) ?? frame
    assert.deepStrictEqual(listener.open(UserId.make("99"), sent), Result.fail("not-a-member"))
    assert.deepStrictEqual(listener.open(UserId.make("11"), frame), Result.fail("unencrypted"))
    const other = sent.slice()
    other[0] = (other[0] ?? 0) ^ 1
    assert.deepStrictEqual(listener.open(UserId.make("11"), other), Result.fail("no-key"))
    assert.deepStrictEqual(listener.open(UserId.make("11"), sent), opened())
    assert.deepStrictEqual(listener.open(UserId.make("11"), sent), Result.fail("no-key"))
    assert.deepStrictEqual(room.seat("13").open(UserId.make("11"), sent), Result.fail("no-group"))
  })

  it("answers a transition with op 23 before it is executed, and transition 0 not at all", () => {
    const room = pair()
    assert.notInclude(room.sent("11").map(({ op }) => op), 23)
    room.seat("13")
    room.add(["13"], 7)
    for (const user of room.present()) assert.deepStrictEqual(room.lastSent(user, 23)?.d, { transition_id: 7 })
    for (const user of room.present()) room.tell(user, { op: 22, d: { transition_id: 7 } })
    assert.deepStrictEqual(room.counted(), {})
    room.tell("11", { op: 22, d: { transition_id: 7 } })
    assert.deepStrictEqual(room.counted(), { "transition-unknown": 1 })
  })

  it("refuses proposals for users it was not told of, and commits once it has been told", () => {
    const room = pair()
    room.seat("13")
    room.tell("11", { op: 13, d: { user_id: UserId.make("13") } })
    const proposal = room.hand.add(room.epoch(), room.keyPackage("13"))
    room.sent("11").length = 0
    room.tell("11", { op: 27, seq: 0, operation: "append", payload: room.hand.append([proposal]) })
    assert.lengthOf(room.sent("11"), 0)
    assert.deepStrictEqual(room.counted(), { "proposals-refused:unexpected-user": 1 })
    room.tell("11", { op: 11, d: { user_ids: [UserId.make("13")] } })
    room.add(["13"])
    assert.deepStrictEqual(room.member("13").membership(), room.member("12").membership())
  })

  it("forgets revoked proposals", () => {
    const room = pair()
    room.seat("13")
    room.seat("14")
    const [first, second] = ["13", "14"].map((user) => room.hand.add(room.epoch(), room.keyPackage(user)))
    if (first === undefined || second === undefined) throw new Error("two proposals were made")
    room.tell("11", { op: 27, seq: 0, operation: "append", payload: room.hand.append([first]) })
    room.tell("11", { op: 27, seq: 0, operation: "revoke", payload: room.hand.revoke([first]) })
    room.decide(["11", "12"], [second], { added: ["14"] })
    assert.deepStrictEqual(room.member("14").membership()?.members, ["11", "12", "14"].map((user) => UserId.make(user)))
    assert.deepStrictEqual(room.member("14").membership(), room.member("11").membership())
    assert.deepStrictEqual(room.counted(), {})
  })

  it("answers an invalid commit or Welcome with op 31 and a new key package, and can be added again", () => {
    const room = pair()
    for (
      const message of [
        { op: 29, seq: 0, transitionId: 9, commit: Uint8Array.of(0, 1, 0, 1) },
        { op: 30, seq: 0, transitionId: 9, welcome: Uint8Array.of(0, 2) }
      ] as const
    ) {
      const before = room.keyPackage("12")
      room.sent("12").length = 0
      room.tell("12", message)
      assert.deepStrictEqual(room.sent("12").map(({ op }) => op), [31, 26])
      assert.deepStrictEqual(room.lastSent("12", 31)?.d, { transition_id: 9 })
      assert.notDeepEqual(room.keyPackage("12"), before)
      assert.isUndefined(room.member("12").membership())
      assert.isUndefined(room.member("12").encrypt(frame))
      const removal = room.hand.remove(room.epoch(), room.leafOf("12"))
      const addition = room.hand.add(room.epoch(), room.keyPackage("12"))
      room.decide(["11"], [removal, addition], { removed: ["12"], added: ["12"] })
      assert.deepStrictEqual(room.member("12").membership(), room.member("11").membership())
      assert.deepStrictEqual(room.pass("12", "11", frame), opened())
      assert.deepStrictEqual(room.pass("11", "12", frame), opened())
    }
  })

  it("begins a new group when it is alone (op 24, epoch 1)", () => {
    const room = pair()
    room.tell("11", { op: 13, d: { user_id: UserId.make("12") } })
    room.sent("11").length = 0
    room.tell("11", { op: 24, d: { protocol_version: 1, epoch: 1 } })
    room.tell("11", { op: 21, d: { protocol_version: 1, transition_id: 0 } })
    assert.deepStrictEqual(room.sent("11").map(({ op }) => op), [26])
    assert.isUndefined(room.member("11").membership())
    assert.isUndefined(room.member("11").encrypt(frame))
  })

  it("does not fall back to plain frames when op 21 with version 0 follows op 24, as some servers send it", () => {
    const room = pair()
    room.tell("11", { op: 24, d: { protocol_version: 1, epoch: 1 } })
    room.tell("11", { op: 21, d: { protocol_version: 0, transition_id: 0 } })
    assert.isUndefined(room.member("11").encrypt(frame))
    room.tell("11", { op: 21, d: { protocol_version: 0, transition_id: 0 } })
    assert.deepStrictEqual(room.member("11").encrypt(frame), frame)
  })

  it("sends plain frames after a downgrade, and accepts them for a while after the next upgrade", () => {
    const room = pair()
    const downgrade = { protocol_version: 0, transition_id: 3 }
    const [speaker, listener] = [room.member("11"), room.member("12")]
    for (const user of ["11", "12"]) room.tell(user, { op: 21, d: downgrade })
    assert.deepStrictEqual(room.lastSent("12", 23)?.d, { transition_id: 3 })
    assert.deepStrictEqual(room.pass("11", "12", frame), opened())
    const late = speaker.encrypt(frame) ?? frame
    room.tell("11", { op: 22, d: { transition_id: 3 } })
    // A member that has not heard of the execution yet already accepts both kinds.
    assert.deepStrictEqual(room.pass("11", "12", frame), plain())
    assert.deepStrictEqual(listener.open(UserId.make("11"), late), opened())
    room.tell("12", { op: 22, d: { transition_id: 3 } })
    assert.deepStrictEqual(room.pass("12", "11", frame), plain())
    assert.isUndefined(speaker.membership())

    room.wait(60_000)
    for (const user of ["11", "12"]) room.tell(user, { op: 24, d: { protocol_version: 1, epoch: 1 } })
    const [creator, other] = ["11", "12"]
    const proposal = room.hand.add(0, room.keyPackage(other ?? ""))
    room.decide([creator ?? ""], [proposal], { added: [other ?? ""], transition: 4 })
    assert.deepStrictEqual(room.pass("11", "12", frame), plain())
    for (const user of ["11", "12"]) room.tell(user, { op: 22, d: { transition_id: 4 } })
    assert.deepStrictEqual(room.pass("11", "12", frame), opened())
    assert.deepStrictEqual(listener.open(UserId.make("11"), frame), plain())
    room.wait(10_001)
    assert.deepStrictEqual(listener.open(UserId.make("11"), frame), Result.fail("unencrypted"))
    assert.deepStrictEqual(room.counted(), {})
  })

  it("forgets a downgrade when a new group begins before it is executed", () => {
    const room = pair()
    const listener = room.member("12")
    room.tell("12", { op: 21, d: { protocol_version: 0, transition_id: 3 } })
    assert.deepStrictEqual(listener.open(UserId.make("11"), frame), plain())
    room.tell("12", { op: 24, d: { protocol_version: 1, epoch: 1 } })
    assert.deepStrictEqual(listener.open(UserId.make("11"), frame), Result.fail("unencrypted"))
    room.tell("12", { op: 22, d: { transition_id: 3 } })
    assert.isUndefined(listener.encrypt(frame))
    assert.deepStrictEqual(room.counted(), { "transition-unknown": 1, "frame-withheld": 1 })
  })

  it("encrypts nothing in a channel without encryption", () => {
    const room = makeRoom()
    const member = room.seat("11")
    member.receive(sessionDescription(0))
    assert.deepStrictEqual(member.encrypt(frame), frame)
    assert.deepStrictEqual(member.open(UserId.make("12"), frame), plain())
    assert.isUndefined(member.membership())
  })

  const anything = Schema.Array(
    Schema.Union([
      DaveFrame.ServerFrame,
      VoicePayload.DavePrepareTransition,
      VoicePayload.DaveExecuteTransition,
      VoicePayload.DavePrepareEpoch,
      VoicePayload.ClientsConnect,
      VoicePayload.ClientDisconnect
    ])
  )

  it.prop("never throws, whatever it receives", [anything, Schema.Uint8Array], ([messages, payload]) => {
    const room = makeRoom()
    const member = room.seat("11")
    for (const message of messages) {
      member.receive(message)
      member.encrypt(payload)
      member.open(UserId.make("12"), payload)
      member.open(UserId.make("12"), Uint8Array.of(...payload, 12, 0xfa, 0xfa))
      member.membership()
    }
  })

  it("sends nothing and leaves no timer once it is closed", () => {
    const room = pair()
    const member = room.member("11")
    room.sent("11").length = 0
    member.close()
    member.receive({ op: 21, d: { protocol_version: 0, transition_id: 3 } })
    member.receive({ op: 24, d: { protocol_version: 1, epoch: 1 } })
    member.misbehave({ keyPackage: "bad" })
    assert.lengthOf(room.sent("11"), 0)
    assert.isUndefined(member.membership())
    const late = room.seat("13", { keyPackage: { delayMs: 3_000 } })
    assert.isDefined(room.timers.nextDueMs())
    late.close()
    assert.isUndefined(room.timers.nextDueMs())
  })
})

describe("Member that misbehaves", () => {
  it("can send its key package late", () => {
    const room = makeRoom()
    room.seat("11", { keyPackage: { delayMs: 3_000 } })
    room.wait(2_999)
    assert.lengthOf(room.sent("11"), 0)
    room.wait(1)
    assert.deepStrictEqual(room.sent("11").map(({ op }) => op), [26])
    room.seat("12")
    room.add(["12", "11"])
    assert.deepStrictEqual(room.member("11").membership(), room.member("12").membership())
  })

  it("sends a late key package at once when it behaves again", () => {
    const room = makeRoom()
    room.seat("11", { keyPackage: { delayMs: 3_000 } }).misbehave({})
    assert.deepStrictEqual(room.sent("11").map(({ op }) => op), [26])
    room.wait(10_000)
    assert.lengthOf(room.sent("11"), 1)
  })

  it("can send a key package that others refuse, until it behaves again", () => {
    const room = pair()
    room.seat("13", { keyPackage: "bad" })
    assert.isUndefined(room.add(["13"]))
    assert.deepStrictEqual(room.counted(), { "proposals-refused:invalid-signature": 2 })
    room.member("13").misbehave({})
    room.add(["13"])
    assert.deepStrictEqual(room.member("13").membership(), room.member("11").membership())
  })

  it("can forge a commit, which every member reports as invalid", () => {
    const room = pair()
    room.member("11").misbehave({ commits: "forged" })
    room.seat("13")
    room.add(["13"], 5)
    for (const user of ["11", "12"]) {
      assert.deepStrictEqual(room.sent(user).slice(-2).map(({ op }) => op), [31, 26])
      assert.deepStrictEqual(room.lastSent(user, 31)?.d, { transition_id: 5 })
    }
    assert.deepStrictEqual(room.counted(), { "commit-invalid:invalid-membership-tag": 2 })
  })

  it("can send malformed commits, or none", () => {
    const room = pair()
    room.seat("13")
    const proposals = [room.hand.add(room.epoch(), room.keyPackage("13"))]
    room.member("11").misbehave({ commits: "malformed" })
    room.member("12").misbehave({ commits: "none" })
    room.sent("12").length = 0
    for (const user of ["11", "12"]) {
      room.tell(user, { op: 27, seq: 0, operation: "append", payload: room.hand.append(proposals) })
    }
    assert.notDeepEqual([...(room.lastSent("11", 28)?.payload.subarray(0, 4) ?? [])], [0, 1, 0, 1])
    assert.lengthOf(room.sent("12"), 0)
  })

  it("can stay silent about being ready for a transition", () => {
    const room = pair()
    room.member("12").misbehave({ ready: "never" })
    room.seat("13")
    room.add(["13"], 7)
    assert.isDefined(room.lastSent("11", 23))
    assert.isUndefined(room.lastSent("12", 23))
    assert.deepStrictEqual(room.member("12").membership(), room.member("11").membership())
  })

  it("can stay in an old epoch, where it hears nobody, and asks to be added again once it behaves", () => {
    const room = pair()
    const stale = room.member("12")
    stale.misbehave({ epoch: "stale" })
    room.seat("13")
    room.add(["13"], 6)
    assert.deepStrictEqual(room.lastSent("12", 23)?.d, { transition_id: 6 })
    assert.strictEqual(stale.membership()?.epoch, 1)
    assert.deepStrictEqual(room.pass("11", "12", frame), Result.fail("no-key"))
    assert.deepStrictEqual(room.pass("13", "12", frame), Result.fail("not-a-member"))
    assert.deepStrictEqual(room.pass("12", "13", frame), Result.fail("no-key"))
    room.sent("12").length = 0
    stale.misbehave({})
    assert.deepStrictEqual(room.sent("12").map(({ op }) => op), [31, 26])
    assert.deepStrictEqual(room.lastSent("12", 31)?.d, { transition_id: 6 })
    const removal = room.hand.remove(room.epoch(), room.leafOf("12"))
    const addition = room.hand.add(room.epoch(), room.keyPackage("12"))
    room.decide(["11", "13"], [removal, addition], { removed: ["12"], added: ["12"] })
    assert.deepStrictEqual(stale.membership(), room.member("13").membership())
  })

  it("can send garbage or plain frames", () => {
    const room = pair()
    const speaker = room.member("11")
    speaker.misbehave({ frames: "garbage" })
    assert.isDefined(MediaFrame.decode(speaker.encrypt(frame) ?? frame))
    assert.deepStrictEqual(room.pass("11", "12", frame), Result.fail("no-key"))
    speaker.misbehave({ frames: "plain" })
    assert.deepStrictEqual(room.pass("11", "12", frame), Result.fail("unencrypted"))
    speaker.misbehave({})
    assert.deepStrictEqual(room.pass("11", "12", frame), opened())
  })
})
