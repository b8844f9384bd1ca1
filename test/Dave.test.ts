import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, type Layer, Result, type Scope } from "effect"
import * as Dave from "../src/Dave.ts"
import * as ExternalSender from "../src/emulator/core/dave/ExternalSender.ts"
import * as KeyPackage from "../src/emulator/core/dave/KeyPackage.ts"
import * as E2eeFrame from "../src/protocol/E2eeFrame.ts"
import { ChannelId, UserId } from "../src/protocol/Identifier.ts"
import * as OpusPacket from "../src/protocol/OpusPacket.ts"
import * as FrameRing from "../src/ring/FrameRing.ts"
import * as Server from "./dave/server.ts"

const ann = UserId.make("1001")
const bob = UserId.make("1002")
const cid = UserId.make("1003")
const ids = [ann, bob, cid]

/** What a group makes of frames, as it would be sent. Waits for the other thread. */
const encrypted = Effect.fnUntraced(function*(group: Dave.Group, frames: ReadonlyArray<Uint8Array>) {
  const ring = FrameRing.make()
  const counts = { encrypted: 0, failed: 0 }
  const source = group.protect(ring, {
    isEncrypting: () => true,
    onFrame: (isEncrypted) => {
      if (isEncrypted) counts.encrypted++
      else counts.failed++
    }
  })
  yield* Effect.addFinalizer(() => Effect.sync(source.close))
  for (const frame of frames) assert.isTrue(ring.write(frame, 960))
  ring.end()
  const into = new Uint8Array(2_048)
  const made: Array<Uint8Array> = []
  while (!source.isDrained()) {
    if (source.next() < 0) yield* Effect.sleep("1 millis")
    else made.push(into.slice(8, 8 + source.read(into, 8)))
  }
  return { made, counts }
})

const decrypted = (group: Dave.Group, from: UserId, frame: Uint8Array) =>
  Effect.callback<Uint8Array | Dave.DecryptFailure>((resume) => {
    // the lender of the bytes reuses them for the next packet
    const lent = frame.slice()
    group.decrypt(
      from,
      lent,
      (result) => resume(Effect.succeed(typeof result === "string" ? result : Uint8Array.from(result)))
    )
    lent.fill(0)
  })

const frames = Array.from({ length: 40 }, (_, i) => Uint8Array.of(0xfc, i, ...Array.from({ length: i * 3 }, () => i)))

const layers: ReadonlyArray<readonly [string, Layer.Layer<Dave.Dave>]> = [
  ["in this thread", Dave.layer],
  ["in their own thread", Dave.layerThread]
]

for (const [where, layer] of layers) {
  const test = (name: string, body: Effect.Effect<unknown, unknown, Dave.Dave | Scope.Scope>) =>
    it.live(name, () => Effect.asVoid(body).pipe(Effect.provide(layer)))

  describe(`groups ${where}`, () => {
    test(
      "members share epoch, code and audio; a removed member does not",
      Effect.gen(function*() {
        const server = yield* Server.make(ids)
        const group = server.group
        assert.isUndefined(group(ann).membership())
        yield* server.add(bob)
        const codes = [group(ann).membership()?.privacyCode]
        yield* server.add(cid)
        const membership = group(ann).membership()
        assert(membership !== undefined)
        codes.push(membership.privacyCode)
        assert.deepStrictEqual(group(bob).membership(), membership)
        assert.deepStrictEqual(group(cid).membership(), membership)
        assert.strictEqual(membership.epoch, 2)
        assert.match(membership.privacyCode, /^\d{30}$/)
        assert.sameMembers([...membership.members], ids)

        const { counts, made } = yield* encrypted(group(ann), [...frames, OpusPacket.silenceFrame()])
        assert.deepStrictEqual(counts, { encrypted: 40, failed: 0 })
        assert.isTrue(OpusPacket.isSilence(made.at(-1) ?? new Uint8Array()))
        for (const [i, frame] of made.slice(0, -1).entries()) {
          assert.isTrue(E2eeFrame.isProtected(frame))
          for (const listener of [bob, cid]) {
            const heard = yield* decrypted(group(listener), ann, frame)
            assert(typeof heard !== "string")
            assert.deepStrictEqual(Uint8Array.from(heard), frames[i])
          }
        }
        assert.strictEqual(
          yield* decrypted(group(bob), ann, made[0] ?? new Uint8Array()),
          "Undecryptable",
          "a repetition"
        )
        assert.strictEqual(yield* decrypted(group(bob), UserId.make("1009"), made[1] ?? new Uint8Array()), "NotMember")

        yield* server.remove(cid)
        assert.deepStrictEqual(group(ann).membership(), group(bob).membership())
        assert.strictEqual(group(ann).membership()?.epoch, 3)
        codes.push(group(ann).membership()?.privacyCode)
        assert.lengthOf(new Set(codes), 3, "one for each epoch")
        const [secret] = (yield* encrypted(group(bob), frames.slice(0, 1))).made
        assert(secret !== undefined)
        assert.strictEqual(yield* decrypted(group(cid), bob, secret), "Undecryptable")
        assert.isNotString(yield* decrypted(group(ann), bob, secret))
      })
    )

    test(
      "frames encrypted ahead of a change can be read by everyone who is there when they are sent",
      Effect.gen(function*() {
        const server = yield* Server.make(ids)
        yield* server.add(bob)
        const ring = FrameRing.make()
        const source = server.group(ann).protect(ring, { isEncrypting: () => true, onFrame: () => {} })
        yield* Effect.addFinalizer(() => Effect.sync(source.close))
        for (const frame of frames.slice(0, 4)) assert.isTrue(ring.write(frame, 960))
        const sent = Effect.fnUntraced(function*() {
          while (source.next() < 0) yield* Effect.sleep("1 millis")
          const into = new Uint8Array(2_048)
          return into.slice(0, source.read(into, 0))
        })
        assert.deepStrictEqual(yield* decrypted(server.group(bob), ann, yield* sent()), frames[0])
        yield* server.add(cid)
        for (let i = 1; i < 4; i++) {
          const frame = yield* sent()
          for (const listener of [bob, cid]) {
            assert.deepStrictEqual(yield* decrypted(server.group(listener), ann, frame), frames[i])
          }
        }
      })
    )

    test(
      "a member who starts over is added again, and still knows the voice gateway",
      Effect.gen(function*() {
        const server = yield* Server.make(ids)
        yield* server.add(bob)
        yield* server.add(cid)
        yield* server.remove(bob)
        yield* server.addAgain(bob)
        assert.deepStrictEqual(server.group(bob).membership(), server.group(ann).membership())
        const [first] = (yield* encrypted(server.group(ann), frames.slice(3, 4))).made
        const heard = yield* decrypted(server.group(bob), ann, first ?? new Uint8Array())
        assert(typeof heard !== "string")
        assert.deepStrictEqual(Uint8Array.from(heard), frames[3])
        // also as a committer
        yield* server.remove(ann)
        assert.deepStrictEqual(server.group(bob).membership(), server.group(cid).membership())
      })
    )

    test(
      "frames given for decryption before a group starts over are decrypted first",
      Effect.gen(function*() {
        const server = yield* Server.make(ids)
        yield* server.add(bob)
        const [first] = (yield* encrypted(server.group(ann), frames.slice(3, 4))).made
        const heard = yield* Effect.forkChild(
          decrypted(server.group(bob), ann, first ?? new Uint8Array()),
          { startImmediately: true }
        )
        yield* server.group(bob).create(1)
        assert.deepStrictEqual(yield* Fiber.join(heard), frames[3])
      })
    )

    test(
      "two members see the same verification code for each other, and none for strangers",
      Effect.gen(function*() {
        const server = yield* Server.make(ids)
        yield* server.add(bob)
        const code = yield* server.group(ann).verificationCode(bob)
        assert.match(code, /^\d{45}$/)
        assert.strictEqual(yield* server.group(bob).verificationCode(ann), code)
        const failure = yield* Effect.flip(server.group(ann).verificationCode(cid))
        assert.strictEqual(failure.operation, "verification-code")
      })
    )

    test(
      "data that is not MLS is refused with its operation, and does no harm",
      Effect.gen(function*() {
        const server = yield* Server.make(ids)
        yield* server.add(bob)
        const group = server.group(ann)
        const noise = Uint8Array.of(1, 2, 3)
        const refusals = yield* Effect.forEach([
          group.setExternalSender(noise),
          group.proposals("append", noise, ids),
          group.proposals("revoke", noise, ids),
          group.commit(noise),
          group.welcome(noise),
          group.commit(new Uint8Array()),
          group.proposals("append", new Uint8Array(), ids)
        ], Effect.flip)
        assert.deepStrictEqual(refusals.map(({ operation }) => operation), [
          "external-sender",
          "proposals",
          "proposals",
          "commit",
          "welcome",
          "commit",
          "proposals"
        ])
        for (const { detail } of refusals) assert.notStrictEqual(detail, "")
        assert.strictEqual(yield* decrypted(group, bob, noise), "Undecryptable")
        yield* server.add(cid)
        assert.deepStrictEqual(group.membership(), server.group(cid).membership())
      })
    )

    test(
      "an external sender set while a group exists applies to the next group",
      Effect.gen(function*() {
        const server = yield* Server.make(ids)
        yield* server.add(bob)
        const next = Server.makeSender()
        const group = server.group(ann)
        yield* group.setExternalSender(next.bytes)
        // it does not apply to this one
        yield* server.add(cid)
        assert.strictEqual(group.membership()?.epoch, 2)
        yield* group.create(1)
        const keyPackage = KeyPackage.decode(yield* server.group(bob).create(1), bob)
        const proposal = next.add(Server.groupId, 0n, Result.getOrThrow(keyPackage))
        const commit = yield* group.proposals("append", ExternalSender.appending([proposal]), ids)
        assert.isDefined(commit)
      })
    )

    test(
      "a stranger is not added",
      Effect.gen(function*() {
        const server = yield* Server.make([ann, cid])
        const failure = yield* Effect.flip(server.add(bob))
        assert(failure._tag === "DaveError")
        assert.strictEqual(failure.operation, "proposals")
        assert.match(failure.detail, /UnexpectedUser/)
      })
    )

    test(
      "nothing can be encrypted without a group",
      Effect.gen(function*() {
        const dave = yield* Dave.Dave
        assert.strictEqual(dave.maxVersion, 1)
        const group = yield* dave.open({ userId: ann, channelId: ChannelId.make("3001") })
        const { counts, made } = yield* encrypted(group, frames.slice(0, 2))
        assert.deepStrictEqual(made.map(({ length }) => length), [0, 0])
        assert.deepStrictEqual(counts, { encrypted: 0, failed: 2 })
        assert.strictEqual(yield* decrypted(group, bob, frames[0] ?? new Uint8Array()), "NotMember")
      })
    )
  })
}

describe("layerDisabled", () => {
  it.effect("announces nothing and opens nothing", () =>
    Effect.gen(function*() {
      const dave = yield* Dave.Dave
      assert.strictEqual(dave.maxVersion, 0)
      const error = yield* Effect.flip(dave.open({ userId: ann, channelId: ChannelId.make("1") }))
      assert(error.reason._tag === "E2eeFailed")
      assert.strictEqual(error.reason.kind, "Engine")
    }).pipe(Effect.scoped, Effect.provide(Dave.layerDisabled)))
})
