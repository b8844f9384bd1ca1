import { assert, describe, it } from "@effect/vitest"
import { DAVESession } from "@snazzah/davey"
import { Result } from "effect"
import type { DaveMember, DaveMemberFactory } from "../../../../src/emulator/core/dave/Seat.ts"
import { today } from "../../../../src/emulator/core/Profile.ts"
import type { HeardFrame } from "../../../../src/emulator/core/voice/VoiceHalf.ts"
import { UserId } from "../../../../src/protocol/Identifier.ts"
import { channelId, guildId, makeWorld, opus, otherChannelId, server } from "../voice/kit.ts"
import { makeDaveClient, settle, view } from "./kit.ts"

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")

const maxVersion = 1

/** A minimal member that answers while it is being called. It reports an error for its first `failures` Welcomes. */
const make = (failures = 0) => {
  const sessions = new Map<string, DAVESession>()
  const received: Array<number> = []
  let closed = 0
  let left = failures

  const factory: DaveMemberFactory = ({ channelId, send, userId }): DaveMember => {
    const session = new DAVESession(maxVersion, userId, channelId)
    sessions.set(userId, session)
    let encrypts = false
    const sendKeyPackage = () => send({ op: 26, keyPackage: session.getSerializedKeyPackage() })
    const begin = () => {
      session.reinit(maxVersion, userId, channelId)
      sendKeyPackage()
    }
    const entered = (transition_id: number) => {
      encrypts = true
      if (transition_id !== 0) send({ op: 23, d: { transition_id } })
    }
    return {
      receive: (message) => {
        received.push(message.op)
        switch (message.op) {
          case 4:
            return "dave_protocol_version" in message.d && message.d.dave_protocol_version !== 0
              ? sendKeyPackage()
              : undefined
          case 21:
            if (message.d.protocol_version === 0) encrypts = false
            return message.d.transition_id === 0 ? undefined : send({ op: 23, d: message.d })
          case 24:
            return begin()
          case 25:
            return session.setExternalSender(Buffer.from(message.externalSender))
          case 27: {
            const operation = message.operation === "append" ? 0 : 1
            const { commit, welcome } = session.processProposals(operation, Buffer.from(message.payload))
            if (commit !== undefined) send({ op: 28, payload: Buffer.concat([commit, welcome ?? Buffer.alloc(0)]) })
            return
          }
          case 29:
            session.processCommit(Buffer.from(message.commit))
            return entered(message.transitionId)
          case 30:
            if (left-- > 0) {
              send({ op: 31, d: { transition_id: message.transitionId } })
              return begin()
            }
            session.processWelcome(Buffer.from(message.welcome))
            return entered(message.transitionId)
        }
      },
      encrypt: (frame) => encrypts ? session.encryptOpus(Buffer.from(frame)) : frame,
      open: (from, payload) => {
        try {
          return Result.succeed({ frame: session.decrypt(from, 0, Buffer.from(payload)), encrypted: true })
        } catch {
          return Result.fail("no-key")
        }
      },
      membership: () => undefined,
      verificationCode: () => Promise.resolve(undefined),
      misbehave: () => {},
      close: () => void closed++
    }
  }

  const world = makeWorld(today, { daveMember: factory })
  const join = (user: string) => {
    const guest = world.half.participants.join({ userId: UserId.make(user), guildId, channelId, server })
    const heard: Array<HeardFrame> = []
    guest.onHeard((frame) => heard.push(frame))
    return { guest, heard }
  }
  return { world, join, sessions, received, closed: () => closed }
}

describe("Scripted members", () => {
  it("form a group among themselves immediately, and hear each other in it", () => {
    const { join, sessions, world } = make()
    const first = join("1")
    const second = join("2")
    const third = join("3")
    assert.strictEqual(view(world).epoch, 2)
    assert.strictEqual(new Set(Array.from(sessions.values(), (session) => session.voicePrivacyCode)).size, 1)
    first.guest.speak([{ data: opus(1), samples: 960 }])
    world.wait(1_000)
    for (const { heard } of [second, third]) {
      assert.strictEqual(hex(heard[0]?.payload ?? new Uint8Array(0)), hex(opus(1)))
    }
    assert.strictEqual(world.counter("participant-undecryptable:no-key"), 0)
  })

  it("add a client to their group, hear it and are heard", () => {
    const { join, world } = make()
    const scripted = join("8")
    const a = makeDaveClient(world, "1")
    a.enter()
    settle(a)
    assert.strictEqual(a.session().epoch, 1n)
    a.say(new Uint8Array(a.session().encryptOpus(Buffer.from(opus(3)))))
    assert.deepStrictEqual(scripted.heard.map(({ payload }) => hex(payload)), [hex(opus(3))])
    scripted.guest.speak([{ data: opus(4), samples: 960 }])
    world.wait(1_000)
    const [frame] = a.heard()
    assert.isDefined(frame)
    assert.notStrictEqual(hex(frame.payload), hex(opus(4)))
    assert.strictEqual(hex(a.session().decrypt("8", 0, Buffer.from(frame.payload))), hex(opus(4)))
    assert.deepStrictEqual(world.violations(), [])
  })

  it("receive the messages about encryption, and no others", () => {
    const { closed, join, received, world } = make()
    const { guest } = join("8")
    const a = makeDaveClient(world, "1")
    a.enter()
    settle(a)
    a.drop(1000)
    assert.sameMembers([...new Set(received)], [4, 11, 13, 21, 24, 25, 27, ...received.filter((op) => op > 28)])
    guest.leave()
    assert.strictEqual(closed(), 1)
    assert.deepStrictEqual(world.half.groups(), [])
  })

  it("are replaced by a new member when they move to another channel", () => {
    const { closed, join, world } = make()
    const moving = join("8")
    join("9")
    moving.guest.move({ channelId: otherChannelId, server })
    assert.strictEqual(closed(), 1)
    assert.sameMembers(world.half.groups().map((group) => group.channelId), [channelId, otherChannelId])
    assert.deepStrictEqual(world.half.groups().map(({ epoch }) => epoch), [0, 0])
  })

  it("are added again when they report an invalid Welcome", () => {
    const { join, sessions, world } = make(2)
    join("1")
    join("2")
    join("3")
    const codes = new Set(Array.from(sessions.values(), (session) => session.voicePrivacyCode))
    assert.strictEqual(codes.size, 1)
    assert.strictEqual(view(world).members.length, 3)
    assert.strictEqual(world.counter("dave-invalid-commit"), 2)
  })

  it("that report errors forever are left alone in the end", () => {
    const { join, world } = make(Number.POSITIVE_INFINITY)
    join("1")
    join("2")
    assert.strictEqual(world.counter("dave-invalid-commit"), 33)
    assert.strictEqual(world.counter("dave-runaway"), 0)
    const a = makeDaveClient(world, "5")
    a.enter()
    settle(a)
    assert.strictEqual(view(world).members.length, 3)
    assert.strictEqual(a.session().status, 3)
  })

  it("speak in plain text while a client without encryption is present", () => {
    const { join, world } = make()
    const scripted = join("8")
    join("9")
    const plain = makeDaveClient(world, "1", { max: 0 })
    plain.enter()
    scripted.guest.speak([{ data: opus(4), samples: 960 }])
    world.wait(1_000)
    assert.strictEqual(hex(plain.heard()[0]?.payload ?? new Uint8Array(0)), hex(opus(4)))
    plain.drop(1000)
    assert.strictEqual(view(world).epoch, 1)
    const a = makeDaveClient(world, "2")
    a.enter()
    settle(a)
    assert.strictEqual(view(world).epoch, 2)
  })
})
