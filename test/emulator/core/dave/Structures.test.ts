import { assert, describe, it } from "@effect/vitest"
import { DAVESession } from "@snazzah/davey"
import { Result, Schema } from "effect"
import * as Bytes from "../../../../src/emulator/core/dave/Bytes.ts"
import * as Commit from "../../../../src/emulator/core/dave/Commit.ts"
import * as ExternalSender from "../../../../src/emulator/core/dave/ExternalSender.ts"
import * as KeyPackage from "../../../../src/emulator/core/dave/KeyPackage.ts"
import * as Random from "../../../../src/emulator/core/Random.ts"
import { UserId } from "../../../../src/protocol/Identifier.ts"
import * as Forge from "./forge.ts"

const user = UserId.make("158049329150427136")
const channel = "927310423890473011"
const groupId = Bytes.u64(BigInt(channel))

const read = (payload: Uint8Array, userId = user) => {
  const result = KeyPackage.decode(payload, userId)
  return Result.isSuccess(result) ? result.success : result.failure
}

/** The engine's commit and Welcome for the addition of two others to its own group. */
const fromEngine = () => {
  const sender = ExternalSender.make(Random.make(5))
  const make = (id: string) => {
    const session = new DAVESession(1, id, channel)
    session.setExternalSender(Buffer.from(sender.bytes))
    const keyPackage = KeyPackage.decode(session.getSerializedKeyPackage(), UserId.make(id))
    assert(Result.isSuccess(keyPackage))
    return { session, keyPackage: keyPackage.success }
  }
  const [a, b, c] = [make("1"), make("2"), make("3")]
  const proposals = [b, c].map(({ keyPackage }) => sender.add(groupId, 0n, keyPackage))
  const { commit, welcome } = a.session.processProposals(0, Buffer.from(ExternalSender.appending(proposals)))
  assert.isDefined(commit)
  assert.isDefined(welcome)
  return { sender, a, b, c, proposals, commit, welcome }
}

describe("Bytes", () => {
  it.prop("reads back vectors of any length", [
    Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 20_000 })))
  ], ([length]) => {
    const content = new Uint8Array(length).fill(7)
    const written = Bytes.vector(content)
    const reader = Bytes.reader(written)
    assert.deepStrictEqual(reader.vector(), content)
    assert.isFalse(reader.failed())
    assert.strictEqual(reader.left(), 0)
    assert.deepStrictEqual(written, new Uint8Array(Forge.V(content)))
  })

  it("refuses lengths that are not minimal or exceed the available bytes", () => {
    for (const bytes of [[0x40, 1, 9], [0x80, 0, 0, 1, 9], [0xc0, 9], [2, 9], [0x40], []]) {
      const reader = Bytes.reader(Uint8Array.from(bytes))
      assert.strictEqual(reader.vector().length, 0)
      assert.isTrue(reader.failed(), String(bytes))
      assert.strictEqual(reader.left(), 0)
      assert.strictEqual(reader.u32(), 0)
    }
  })
})

describe("KeyPackage", () => {
  it("accepts the engine's key package, bare and as an MLSMessage", () => {
    const bytes = new DAVESession(1, user, channel).getSerializedKeyPackage()
    const bare = read(bytes)
    assert.deepStrictEqual(read(Buffer.concat([Buffer.of(0, 1, 0, 5), bytes])), bare)
    assert(typeof bare !== "string")
    assert.deepStrictEqual(bare.bytes, new Uint8Array(bytes))
  })

  it("names what is wrong with a key package", () => {
    assert(typeof read(Forge.keyPackage(user)) !== "string")
    assert.strictEqual(read(Forge.keyPackage("12")), "wrong-credential")
    assert.strictEqual(read(Forge.keyPackage(user, { identity: Buffer.from(user) })), "wrong-credential")
    assert.strictEqual(read(Forge.keyPackage(user, { credential: 2 })), "wrong-credential")
    assert.strictEqual(read(Forge.keyPackage(user, { suite: 1 })), "wrong-suite")
    assert.strictEqual(read(Forge.keyPackage(user, { notBefore: 1n })), "wrong-lifetime")
    assert.strictEqual(read(Forge.keyPackage(user, { notAfter: 0x7fff_ffff_ffff_ffffn })), "wrong-lifetime")
    assert.strictEqual(read(Forge.keyPackage(user, { leafExtensions: Buffer.of(0, 1, 0) })), "wrong-extensions")
    assert.strictEqual(read(Forge.keyPackage(user, { extensions: Buffer.of(0, 1, 0) })), "wrong-extensions")
    assert.strictEqual(read(Forge.keyPackage(user, { initKey: Buffer.alloc(65, 4) })), "wrong-key")
    assert.strictEqual(read(Forge.keyPackage(user, { initKey: Buffer.alloc(33, 2) })), "wrong-key")
    assert.strictEqual(read(Forge.keyPackage(user, { leafSigner: "other" })), "bad-signature")
    assert.strictEqual(read(Forge.keyPackage(user, { signer: "other" })), "bad-signature")
    assert.strictEqual(read(Buffer.concat([Forge.keyPackage(user), Buffer.of(0)])), "malformed")
    assert.strictEqual(read(Buffer.alloc(0)), "malformed")
  })

  it("refuses a key package that is truncated or has one bit flipped", () => {
    const bytes = new DAVESession(1, user, channel).getSerializedKeyPackage()
    for (let length = 0; length < bytes.length; length++) assert.isString(read(bytes.subarray(0, length)))
    for (let at = 0; at < bytes.length; at++) {
      const turned = Buffer.from(bytes)
      turned[at] = (turned[at] ?? 0) ^ (1 << (at % 8))
      assert.isString(read(turned), `byte ${at}`)
    }
  })
})

describe("ExternalSender", () => {
  it("derives its key from the seed, and has the layout of op 25", () => {
    const { bytes } = ExternalSender.make(Random.make(5))
    assert.deepStrictEqual(bytes, ExternalSender.make(Random.make(5)).bytes)
    assert.notDeepEqual(bytes, ExternalSender.make(Random.make(6)).bytes)
    assert.deepStrictEqual([...bytes.subarray(0, 3)], [0x40, 0x41, 4])
    assert.deepStrictEqual([...bytes.subarray(67)], [0, 1, 4, 0, 1, 1, 0])
  })
})

describe("Commit", () => {
  it("reads the engine's commit", () => {
    const { a, commit, proposals, welcome } = fromEngine()
    const decoded = Commit.decode(Buffer.concat([commit, welcome]))
    assert(Result.isSuccess(decoded))
    const { commit: found, welcome: invitation } = decoded.success
    assert.deepStrictEqual(new Uint8Array(found.bytes), new Uint8Array(commit))
    assert.deepStrictEqual(found.groupId, groupId)
    assert.deepStrictEqual([found.epoch, found.leaf, found.byValue], [0n, 0, false])
    assert.sameMembers([...found.refs], proposals.map(({ id }) => id))
    assert.strictEqual(invitation?.secrets.length, 2)
    a.session.processCommit(commit)
    assert.strictEqual(a.session.epoch, 1n)
  })

  it("reduces a Welcome to what one member needs", () => {
    const { a, b, c, commit, welcome } = fromEngine()
    const whole = Commit.decodeWelcome(welcome)
    assert.isDefined(whole)
    const [forB, forC] = [b, c].map(({ keyPackage }) => Commit.target(whole, keyPackage.ref))
    assert.isDefined(forB)
    assert.isDefined(forC)
    assert.isBelow(forB.length, welcome.length)
    assert.isUndefined(Commit.target(whole, a.keyPackage.ref))
    assert.throws(() => b.session.processWelcome(Buffer.from(forC)))
    a.session.processCommit(commit)
    c.session.processWelcome(Buffer.from(forC))
    assert.strictEqual(c.session.voicePrivacyCode, a.session.voicePrivacyCode)
  })

  it("reads the path of a removal, which keeps the identity and the key", () => {
    const { a, commit, sender } = fromEngine()
    a.session.processCommit(commit)
    const removal = sender.remove(groupId, 1n, 1)
    const result = a.session.processProposals(0, Buffer.from(ExternalSender.appending([removal])))
    assert.isDefined(result.commit)
    const decoded = Commit.decode(result.commit)
    assert(Result.isSuccess(decoded))
    const { path } = decoded.success.commit
    assert.isDefined(path)
    const { signatureKey } = a.keyPackage
    assert.isTrue(Commit.keepsIdentity(path, KeyPackage.identityOf(UserId.make("1")), signatureKey))
    assert.isFalse(Commit.keepsIdentity(path, KeyPackage.identityOf(UserId.make("2")), signatureKey))
    assert.isUndefined(decoded.success.welcome)
  })

  it("refuses truncated commits", () => {
    const { commit, welcome } = fromEngine()
    const whole = Buffer.concat([commit, welcome])
    for (let length = 0; length < whole.length; length++) {
      const decoded = Commit.decode(whole.subarray(0, length))
      if (length === commit.length) assert(Result.isSuccess(decoded))
      else assert(Result.isFailure(decoded), `${length} bytes`)
    }
    const trailing = Commit.decode(Buffer.concat([whole, Buffer.of(0)]))
    assert.deepStrictEqual(trailing, Result.fail("malformed-welcome"))
  })

  it.prop("never throws on arbitrary bytes or altered commits", [
    Schema.Array(Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 255 })))),
    Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 10_000 })))
  ], ([bytes, at]) => {
    const noise = Uint8Array.from(bytes)
    const forged = Forge.commit({ group: channel, epoch: 3n, leaf: 1, proposals: [Forge.byReference(noise)] })
    const place = at % forged.length
    forged.set(noise.subarray(0, forged.length - place), place)
    for (const payload of [noise, forged]) {
      Commit.decode(payload)
      Commit.decodeWelcome(payload)
      KeyPackage.decode(payload, user)
    }
  })
})
