import { assert, describe, it } from "@effect/vitest"
import * as Random from "../../../../src/emulator/core/Random.ts"
import { makeChannel } from "./channel.ts"

const ok = (codes: ReadonlyArray<string | undefined>) => {
  assert.lengthOf(codes, 1)
  assert.match(codes[0] ?? "", /^\d{30}$/)
}

const trio = () => {
  const channel = makeChannel()
  for (const name of ["a", "b", "c"]) channel.join(name)
  return channel
}

describe("Members", () => {
  it("hear each other bit for bit through end-to-end encryption", () => {
    const channel = trio()
    ok(channel.codes())
    assert.deepStrictEqual(channel.talk("a", "b", "c"), channel.everybody("a", "b", "c"))
    assert.deepStrictEqual(
      channel.of("a").membership()?.members,
      ["a", "b", "c"].map((name) => channel.of(name).userId)
    )
    assert.deepStrictEqual(channel.counted("participant-"), [])
    assert.deepStrictEqual(channel.counted("scripted:"), [])
    assert.deepStrictEqual(channel.core.verdicts(), [])
  })

  it("are in no group while alone, and in a new group when somebody joins", () => {
    for (const daveSoleMemberVersion of ["same", "zero"] as const) {
      const channel = makeChannel({ profile: { daveSoleMemberVersion } })
      channel.join("a")
      assert.deepStrictEqual(channel.codes(), [undefined])
      channel.join("b")
      const [before] = channel.codes()
      channel.leave("b")
      assert.deepStrictEqual(channel.codes(), [undefined])
      channel.wait(60_000)
      channel.talk("a")
      assert.strictEqual(channel.count("participant-frame-withheld"), 2)
      channel.join("c")
      ok(channel.codes())
      assert.notStrictEqual(channel.codes()[0], before)
      assert.deepStrictEqual(channel.talk("a", "c"), channel.everybody("a", "c"))
      assert.deepStrictEqual(channel.counted("participant-undecryptable"), [])
    }
  })

  it("stop encrypting while somebody is present who cannot, and start again afterwards", () => {
    const channel = makeChannel({ profile: { channelE2ee: "optional" } })
    channel.join("a")
    channel.join("b")
    for (let round = 0; round < 3; round++) {
      ok(channel.codes())
      channel.join("old", { e2ee: false })
      channel.wait(3_000)
      assert.deepStrictEqual(channel.codes(), [undefined])
      assert.strictEqual(channel.group()?.version, 0)
      assert.deepStrictEqual(
        channel.talk("a", "b", "old"),
        channel.everybody("a", "b", "old").map((pair) => `${pair} plain`)
      )
      channel.leave("old")
      channel.wait(3_000)
      ok(channel.codes())
      channel.wait(20_000)
      assert.deepStrictEqual(channel.talk("a", "b"), channel.everybody("a", "b"))
    }
    assert.deepStrictEqual(channel.counted("participant-"), [])
  })

  it("do not encrypt with a profile that has no end-to-end encryption", () => {
    const channel = makeChannel({ profile: { e2ee: false } })
    channel.join("a")
    channel.join("b")
    assert.deepStrictEqual(channel.talk("a"), ["a>b plain"])
    assert.deepStrictEqual(channel.codes(), [undefined])
  })

  it("form a new group when their channel moves to another voice server", () => {
    const channel = trio()
    const [before] = channel.codes()
    channel.core.moveServer(channel.channelId)
    channel.wait(3_000)
    ok(channel.codes())
    assert.notStrictEqual(channel.codes()[0], before)
    assert.deepStrictEqual(channel.talk("a", "b", "c"), channel.everybody("a", "b", "c"))
  })

  // Members come and go while others are still joining; changes follow each other as quickly as network latency allows.
  const schedules = Array.from({ length: 25 }, (_, seed) => seed)

  it.each(schedules)("have one privacy code after every change: schedule %i", (seed) => {
    const dice = Random.make(seed)
    const channel = makeChannel({
      seed,
      profile: {
        daveFirstTransition: dice.int(2) === 0 ? "zero" : "counted",
        daveExternalSender: dice.int(2) === 0 ? "before-description" : "after-description",
        daveSoleMemberVersion: dice.int(2) === 0 ? "same" : "zero",
        daveEpochTransition: dice.int(2) === 0,
        clientsConnectIncludesSelf: dice.int(2) === 0
      }
    })
    const most = 2 + dice.int(9)
    let epochs = 0
    for (let step = 0; step < 6; step++) {
      for (let change = 0; change <= dice.int(3); change++) {
        const away = Array.from({ length: most }, (_, i) => `m${i}`).filter((name) => !channel.names().includes(name))
        const leaver = channel.names()[dice.int(channel.names().length)]
        const joiner = away[dice.int(away.length)]
        if (joiner !== undefined && (leaver === undefined || dice.int(3) > 0)) {
          channel.join(joiner, { misbehave: dice.int(2) === 0 ? {} : { keyPackage: { delayMs: dice.int(300) } } })
        } else if (leaver !== undefined) channel.leave(leaver)
        channel.wait(dice.int(200))
      }
      channel.wait(3_000)
      const names = channel.names()
      if (names.length < 2) {
        assert.isTrue(channel.codes().every((code) => code === undefined))
        continue
      }
      ok(channel.codes())
      const group = channel.group()
      assert.strictEqual(group?.members.length, names.length)
      assert.deepStrictEqual(group?.transitions, [])
      epochs += group?.epoch ?? 0
      for (const name of names) assert.strictEqual(channel.of(name).membership()?.epoch, group?.epoch)
    }
    const names = channel.names()
    assert.deepStrictEqual(channel.talk(...names), channel.everybody(...names))
    if (most > 2) assert.isAbove(epochs, 0)
    for (const kind of ["commit-invalid", "welcome-invalid", "proposals-refused", "undecryptable", "engine-failed"]) {
      assert.deepStrictEqual(channel.counted(`participant-${kind}`), [], `seed ${seed}`)
    }
    assert.deepStrictEqual(channel.counted("scripted:"), [], `seed ${seed}`)
    assert.strictEqual(channel.count("dave-runaway"), 0)
  })
})

describe("Members that misbehave", () => {
  const committers = (how: "malformed" | "forged" | "none") => {
    const channel = makeChannel()
    channel.join("mallory", { misbehave: { commits: how } })
    channel.join("a")
    channel.join("b")
    channel.wait(3_000)
    return channel
  }

  it("send commits that the server refuses, so that another member's commit wins", () => {
    const channel = committers("malformed")
    ok(channel.codes())
    assert.isAbove(channel.counted("scripted:dave-commit").length, 0)
    assert.deepStrictEqual(channel.talk("mallory", "a", "b"), channel.everybody("mallory", "a", "b"))
  })

  it("send no commits, so that another member's commit wins", () => {
    const channel = committers("none")
    ok(channel.codes())
    assert.deepStrictEqual(channel.talk("mallory", "a", "b"), channel.everybody("mallory", "a", "b"))
    assert.deepStrictEqual(channel.counted("scripted:"), [])
  })

  it("forge commits, after which all members report them, ask to be added again, and are", () => {
    for (const channel of [trio(), committers("forged")]) {
      const [forger = "", ...others] = channel.names()
      channel.of(forger).misbehave({ commits: "forged" })
      const before = channel.count("dave-invalid-commit")
      channel.join("d")
      assert.strictEqual(channel.count("dave-invalid-commit") - before, 1 + others.length)
      channel.wait(3_000)
      ok(channel.codes())
      channel.of(forger).misbehave({})
      channel.join("e")
      channel.wait(3_000)
      ok(channel.codes())
      assert.strictEqual(channel.count("dave-invalid-commit") - before, 1 + others.length)
      assert.lengthOf(channel.of("e").membership()?.members ?? [], others.length + 3)
      const names = channel.names()
      assert.deepStrictEqual(channel.talk(...names), channel.everybody(...names))
    }
  })

  it("are never ready, so that the transition runs after its timeout and everybody hears each other", () => {
    const channel = makeChannel()
    channel.join("a")
    channel.join("mallory", { misbehave: { ready: "never" } })
    channel.join("b")
    assert.lengthOf(channel.group()?.transitions ?? [], 1)
    assert.deepStrictEqual(channel.group()?.transitions[0]?.waiting, [channel.of("mallory").userId])
    assert.deepStrictEqual(channel.talk("b"), [])
    channel.wait(2_000)
    assert.lengthOf(channel.group()?.transitions ?? [], 0)
    ok(channel.codes())
    assert.deepStrictEqual(channel.talk("a", "mallory", "b"), channel.everybody("a", "mallory", "b"))
    channel.of("mallory").misbehave({})
    channel.join("c")
    assert.lengthOf(channel.group()?.transitions ?? [], 0)
  })

  it("stay in an old epoch, hear nobody, do not disturb the others, and can come back", () => {
    const channel = trio()
    const stale = channel.of("b")
    stale.misbehave({ epoch: "stale" })
    const [before] = channel.codes()
    channel.join("d")
    channel.wait(3_000)
    assert.strictEqual(stale.membership()?.privacyCode, before)
    const heard = channel.talk("a", "c", "d")
    assert.deepStrictEqual(heard.toSorted(), channel.everybody("a", "c", "d").toSorted())
    assert.deepStrictEqual(Array.from(stale.undecryptable()), [["no-key", 4], ["not-a-member", 2]])
    assert.deepStrictEqual(Array.from(channel.of("a").undecryptable()), [])
    // The others keep the keys of the old epoch for a while; the newcomer never had them.
    channel.talk("b")
    assert.strictEqual(channel.of("d").undecryptable().get("no-key"), 2)
    stale.misbehave({})
    channel.wait(3_000)
    ok(channel.codes())
    const names = ["a", "b", "c", "d"]
    assert.deepStrictEqual(channel.talk(...names).toSorted(), channel.everybody(...names).toSorted())
  })

  it("are heard with the keys of an old epoch for ten seconds on the engine's own clock", async () => {
    const channel = trio()
    channel.of("b").misbehave({ epoch: "stale" })
    channel.join("d")
    channel.wait(60_000)
    assert.deepStrictEqual(channel.talk("b"), ["b>a", "b>c"])
    await new Promise((resolve) => setTimeout(resolve, 10_500))
    assert.deepStrictEqual(channel.talk("b"), [])
    assert.strictEqual(channel.of("a").undecryptable().get("no-key"), 2)
    assert.deepStrictEqual(channel.talk("a"), ["a>c", "a>d"])
  })

  it("send garbage or plain frames, which nobody hears, until they behave again", () => {
    const channel = trio()
    const speaker = channel.of("a")
    for (const [frames, cause] of [["garbage", "no-key"], ["plain", "unencrypted"]] as const) {
      speaker.misbehave({ frames })
      assert.deepStrictEqual(channel.talk("a"), [])
      for (const name of ["b", "c"]) assert.strictEqual(channel.of(name).undecryptable().get(cause), 2)
      assert.deepStrictEqual(channel.talk("b", "c"), ["b>a", "b>c", "c>a", "c>b"])
      speaker.misbehave({})
      assert.deepStrictEqual(channel.talk("a"), ["a>b", "a>c"])
    }
  })

  it("are not added with a bad key package, until they send a good one", () => {
    const channel = trio()
    channel.join("mallory", { misbehave: { keyPackage: "bad" } })
    channel.wait(3_000)
    assert.isUndefined(channel.of("mallory").membership())
    assert.isAbove(channel.counted("scripted:dave-key-package").length, 0)
    assert.deepStrictEqual(channel.talk("a", "b", "c"), channel.everybody("a", "b", "c"))
    assert.deepStrictEqual(channel.talk("mallory"), [])
    channel.of("mallory").misbehave({})
    channel.wait(3_000)
    ok(channel.codes())
    const names = ["a", "b", "c", "mallory"]
    assert.deepStrictEqual(channel.talk(...names), channel.everybody(...names))
  })

  it("send their key package late without keeping the others waiting", () => {
    const channel = trio()
    const late = channel.join("late", { misbehave: { keyPackage: { delayMs: 5_000 } } }).participant
    assert.deepStrictEqual(channel.talk("a", "b", "c"), channel.everybody("a", "b", "c"))
    assert.isUndefined(late.membership())
    channel.wait(5_000)
    ok(channel.codes())
    assert.deepStrictEqual(channel.talk("late"), ["late>a", "late>b", "late>c"])
  })

  it("can behave again after they were moved", () => {
    const channel = trio()
    channel.of("b").misbehave({ frames: "plain" })
    channel.core.moveServer(channel.channelId)
    channel.wait(3_000)
    assert.deepStrictEqual(channel.talk("b"), [])
    channel.of("b").misbehave({})
    assert.deepStrictEqual(channel.talk("b"), ["b>a", "b>c"])
  })
})
