import { assert, describe, it } from "@effect/vitest"
import * as Random from "../../../../src/emulator/core/Random.ts"
import { channelId, makeClient, makeWorld } from "../voice/kit.ts"
import * as Forge from "./forge.ts"
import { assertTogether, makeDaveClient, settle, together, view } from "./kit.ts"

/** Five seconds of plain frames. */
const babble = (world: ReturnType<typeof makeWorld>, client: ReturnType<typeof makeDaveClient>) => {
  for (let i = 0; i < 250; i++) {
    client.say(Buffer.of(0xfc, i & 0xff))
    world.wait(20)
  }
}

describe("Checks of end-to-end encryption", () => {
  it("report a client that sends no key package, and then the plain frames that it sends", () => {
    const { a, b, world } = together(2)
    const stranger = makeDaveClient(world, "3")
    stranger.enter()
    babble(world, stranger)
    assert.deepStrictEqual([world.advice(), world.violations()], [["dave-key-package-missing"], []])
    babble(world, stranger)
    assert.include(world.violations(), "dave-plain-audio")
    // The client is late, but can still be added.
    settle(a, b, stranger)
    assertTogether(world, 2, a, b, stranger)
  })

  it("report a client that is never ready for a transition", () => {
    const { a, b, world } = together(2)
    b.muteReady = true
    const c = makeDaveClient(world, "3")
    c.enter()
    settle(a, b, c)
    assert.deepStrictEqual(world.advice(), [])
    world.wait(2_500)
    settle(a, b, c)
    assert.deepStrictEqual(world.advice(), ["dave-not-ready"])
    assert.deepStrictEqual(world.violations(), [])
    assertTogether(world, 2, a, b, c)
  })

  it("name what is wrong with a key package, without holding up the others", () => {
    const wrongs: ReadonlyArray<readonly [string, Forge.Wrong | Uint8Array]> = [
      ["wrong-suite", { suite: 1 }],
      ["wrong-credential", { identity: Forge.u64(7n) }],
      ["wrong-lifetime", { notAfter: 1n }],
      ["wrong-extensions", { extensions: Buffer.of(0, 1, 0) }],
      ["wrong-key", { initKey: Buffer.alloc(65) }],
      ["bad-signature", { signer: "other" }],
      ["malformed", Buffer.of(0, 1, 0, 2, 9)]
    ]
    for (const [problem, wrong] of wrongs) {
      const world = makeWorld()
      const bad = makeDaveClient(world, "3")
      bad.intercept = () => wrong instanceof Uint8Array ? Buffer.from(wrong) : Forge.keyPackage("3", wrong)
      const a = makeDaveClient(world, "1")
      const b = makeDaveClient(world, "2")
      for (const client of [bad, a, b]) client.enter()
      settle(bad, a, b)
      assert.deepStrictEqual(world.violations(), [`dave-key-package-${problem}`])
      assertTogether(world, 1, a, b)
    }
  })

  it("report a key package that is used again", () => {
    const world = makeWorld()
    const a = makeDaveClient(world, "1")
    a.enter()
    settle(a)
    const keyPackage = a.session().getSerializedKeyPackage()
    a.raw(Uint8Array.from([26, ...keyPackage]))
    a.raw(Uint8Array.from([26, ...keyPackage]))
    assert.deepStrictEqual(world.violations(), [], "the one of the moment may come again, as after a resume")
    a.raw(Uint8Array.from([26, ...a.session().getSerializedKeyPackage()]))
    a.raw(Uint8Array.from([26, ...keyPackage]))
    assert.deepStrictEqual(world.violations(), ["dave-key-package-reused"])
  })

  /** Two members and a client that wants to be added. The first member's commit is replaced. */
  const replaced = (replace: (commit: Buffer, ref: Buffer) => Buffer) => {
    const { a, b, world } = together(2)
    const refs = () => {
      // The reference of the only proposal: 32 bytes after its type and length.
      const commit = saved ?? Buffer.alloc(0)
      return commit.subarray(4 + 9 + 8 + 5 + 1 + 1 + 1 + 2, 4 + 9 + 8 + 5 + 1 + 1 + 1 + 2 + 32)
    }
    let saved: Buffer | undefined
    a.intercept = (op, bytes) => {
      if (op !== 28) return bytes
      saved = bytes
      return replace(bytes, Buffer.from(refs()))
    }
    b.intercept = (op, bytes) => op === 28 ? undefined : bytes
    const c = makeDaveClient(world, "3")
    c.enter()
    settle(a, b, c)
    return { a, b, c, world }
  }

  const verdictsOn = (replace: (commit: Buffer, ref: Buffer) => Buffer) => {
    const { world } = replaced(replace)
    assert.strictEqual(view(world).epoch, 1)
    return world.violations()
  }

  const forged = (options: Partial<Parameters<typeof Forge.commit>[0]>) =>
    Forge.commit({ group: channelId, epoch: 1n, leaf: 0, proposals: [], ...options })

  it("name what is wrong with a commit, without changing the epoch", () => {
    const any = Buffer.alloc(32, 5)
    const proposals = (ref: Buffer) => [Forge.byReference(ref)]
    const cases: ReadonlyArray<readonly [string, (commit: Buffer, ref: Buffer) => Buffer]> = [
      ["malformed", (commit) => commit.subarray(0, 60)],
      ["not-a-commit", (commit) => Buffer.concat([Buffer.of(0, 1, 0, 2), commit.subarray(4)])],
      ["malformed-welcome", (commit) => Buffer.concat([commit, Buffer.of(0)])],
      ["wrong-group", (_, ref) => forged({ group: "7", proposals: proposals(ref) })],
      ["by-value", () => forged({ proposals: [Buffer.of(1, 0, 3, 0, 0, 0, 1)] })],
      ["empty", () => forged({})],
      ["repeated-proposal", (_, ref) => forged({ proposals: [...proposals(ref), ...proposals(ref)] })],
      ["wrong-epoch", (_, ref) => forged({ epoch: 2n, proposals: proposals(ref) })],
      ["unknown-proposal", () => forged({ proposals: proposals(any) })],
      ["unknown-proposal", (_, ref) => forged({ proposals: [...proposals(ref), ...proposals(any)] })],
      ["wrong-leaf", (_, ref) => forged({ leaf: 1, proposals: proposals(ref) })],
      ["missing-welcome", (_, ref) => forged({ proposals: proposals(ref) })],
      ["incomplete-welcome", (_, ref) => Buffer.concat([forged({ proposals: proposals(ref) }), Buffer.of(0, 2, 0, 0)])],
      ["changed-identity", (_, ref) => forged({ proposals: proposals(ref), path: pathOf("1") })]
    ]
    for (const [problem, replace] of cases) {
      assert.deepStrictEqual(verdictsOn(replace), [`dave-commit-${problem}`], problem)
    }
  })

  /** The path of a commit, signed with another key. */
  const pathOf = (user: string): Buffer => {
    const { point, privateKey } = Forge.pair()
    const identity = Forge.u64(BigInt(user))
    return Forge.path({ group: channelId, leaf: 0, identity, signatureKey: point, signer: privateKey })
  }

  it("report a commit that does not cover all proposals", () => {
    const { a, b, c, world } = together(3)
    for (const client of [a, b]) client.intercept = (op, bytes) => op === 28 ? undefined : bytes
    const refs: Array<Buffer> = []
    a.intercept = (op, bytes) => {
      if (op !== 28) return bytes
      const from = 4 + 9 + 8 + 5 + 1 + 1
      const count = (bytes.readUInt16BE(from) & 0x3fff) / 34
      refs.length = 0
      if ((bytes[from] ?? 0) >= 0x40) {
        for (let i = 0; i < count; i++) refs.push(bytes.subarray(from + 4 + 34 * i, from + 36 + 34 * i))
      }
      return undefined
    }
    // The commit will cover only one of several proposals.
    const d = makeDaveClient(world, "4")
    const e = makeDaveClient(world, "5")
    d.enter()
    e.enter()
    c.drop(1000)
    settle(d, e)
    settle(a, b)
    const [first] = refs
    assert.isDefined(first)
    a.intercept = (_, bytes) => bytes
    a.raw(Uint8Array.from([28, ...forged({ epoch: 2n, proposals: [Forge.byReference(first)] })]))
    assert.deepStrictEqual(world.violations(), ["dave-commit-incomplete"])
  })

  it("do not blame a client whose messages a fault has dropped", () => {
    const { a, b, world } = together(2)
    world.faults.add(({ op, point, userId }) =>
      point === "voice-out" && op === 27 && userId === a.userId ? { _tag: "Drop" } : undefined
    )
    const c = makeDaveClient(world, "3")
    c.enter()
    settle(a, b, c)
    a.raw(Uint8Array.from([28, ...forged({ proposals: [Forge.byReference(Buffer.alloc(32))] })]))
    assert.deepStrictEqual(world.violations(), [])
    assert.isAbove(world.counter("tampered:dave-commit-wrong-epoch"), 0)
  })

  it("leave the group working, whatever bytes a client sends", () => {
    const { a, b, world } = together(2)
    const random = Random.make(3)
    const commits: Array<Buffer> = []
    a.intercept = (op, bytes) => {
      if (op === 28) commits.push(bytes)
      return bytes
    }
    const c = makeDaveClient(world, "3")
    c.enter()
    settle(a, b, c)
    const pattern = [...commits, Forge.keyPackage("1")]
    for (let i = 0; i < 2_000; i++) {
      const frame = Buffer.from(pattern[random.int(pattern.length)] ?? "")
      const length = 1 + random.int(frame.length)
      const at = random.int(length)
      frame[at] = (frame[at] ?? 0) ^ (1 + random.int(255))
      a.raw(Uint8Array.from([25 + random.int(6), ...frame.subarray(0, length)]))
    }
    for (let id = 0; id < 4; id++) a.send(23, { transition_id: id })
    assertTogether(world, 2, a, b, c)
    const d = makeDaveClient(world, "4")
    d.enter()
    settle(a, b, c, d)
    assertTogether(world, 3, a, b, c, d)
  })

  it("report unknown binary messages as advice", () => {
    const { a, world } = together(2)
    a.raw(Uint8Array.of(99, 1))
    a.raw(new Uint8Array(0))
    const plain = makeClient(world, "9")
    plain.join()
    plain.raw(Uint8Array.of(26, 1))
    assert.deepStrictEqual(world.advice(), ["unknown-binary", "unknown-binary", "unknown-binary"])
  })
})
