import { assert, describe, it } from "@effect/vitest"
import { type Profile, today } from "../../../../src/emulator/core/Profile.ts"
import { channelId, field, guildId, makeClient, makeWorld, server } from "../voice/kit.ts"
import { assertTogether, body, makeDaveClient, messages, settle, together, view } from "./kit.ts"

describe("Negotiation", () => {
  const described = (
    options: { readonly max?: number; readonly version?: number },
    e2ee: "required" | "optional" | "never",
    profile: Profile = today
  ) => {
    const world = makeWorld(profile)
    const client = makeDaveClient(world, "1", options)
    world.grant("1", { e2ee })
    client.connect()
    client.identify({ max_dave_protocol_version: options.max ?? 1, channel_id: channelId })
    client.takeReady()
    if (client.closed() !== undefined) return client.closed()
    client.select("aead_aes256_gcm_rtpsize")
    return field(client.last(4), "dave_protocol_version")
  }

  it("chooses the version that the client, the channel and the gateway have in common", () => {
    assert.strictEqual(described({}, "optional"), 1)
    assert.strictEqual(described({}, "required"), 1)
    assert.strictEqual(described({ max: 7 }, "required"), 1)
    assert.strictEqual(described({ version: 9 }, "required"), 1)
    assert.strictEqual(described({}, "never"), 0)
    for (const version of today.versions) {
      assert.strictEqual(described({ version }, "required"), 1)
      assert.strictEqual(described({ version, max: 0 }, "required"), 4017)
    }
    assert.strictEqual(described({ max: 0 }, "optional"), 0)
    assert.strictEqual(described({ max: 0 }, "required"), 4017)
    assert.strictEqual(described({}, "required", { ...today, e2ee: false }), undefined)
  })

  it("puts clients of every gateway version in one group, even if their binary messages have no numbers", () => {
    const world = makeWorld()
    const clients = today.versions.map((version) => makeDaveClient(world, String(version), { version }))
    for (const client of clients) {
      client.enter()
      settle(...clients.slice(0, clients.indexOf(client) + 1))
    }
    const [old] = clients
    assert.isDefined(old)
    assertTogether(world, view(world).epoch, ...clients)
    assert.deepStrictEqual(old.log.filter((message) => "seq" in message && message.seq !== undefined), [])
    // Below version 8, nothing that the connection missed is replayed.
    old.drop()
    old.comeBack()
    settle(...clients)
    assertTogether(world, view(world).epoch, ...clients)
    assert.deepStrictEqual(clients.flatMap(({ errors }) => errors), [])
    assert.deepStrictEqual(world.violations(), [])
  })

  it("sends the external sender before or after the session description, as the profile says", () => {
    const order = (profile: Profile) => {
      const world = makeWorld(profile)
      const a = makeDaveClient(world, "1")
      a.enter()
      settle(a)
      return a.log.map(({ op }) => op).filter((op) => op === 4 || op === 25)
    }
    assert.deepStrictEqual(order(today), [4, 25])
    assert.deepStrictEqual(order({ ...today, daveExternalSender: "before-description" }), [25, 4])
  })

  it("drops encryption while a plain client is present, and starts it again afterwards", () => {
    const { a, b, world } = together(2)
    const plain = makeDaveClient(world, "9", { max: 0 })
    plain.enter()
    assert.strictEqual(field(plain.last(4), "dave_protocol_version"), 0)
    assert.deepStrictEqual(view(world).transitions, [{ id: 1, version: 0, waiting: [a.userId, b.userId] }])
    settle(a, b, plain)
    assert.deepStrictEqual([a.version(), b.version()], [0, 0])
    assert.deepStrictEqual(body(a, 21), [{ protocol_version: 0, transition_id: 1 }])
    assert.deepStrictEqual(plain.ops(), [])
    const late = makeDaveClient(world, "3")
    late.enter()
    settle(a, b, late, plain)
    assert.strictEqual(field(late.last(4), "dave_protocol_version"), 0)
    plain.drop(1000)
    settle(a, b, late)
    assert.deepStrictEqual(body(a, 24), [{ protocol_version: 1, epoch: 1 }])
    assert.deepStrictEqual([a.version(), b.version(), late.version()], [1, 1, 1])
    assertTogether(world, view(world).epoch, a, b, late)
    assert.deepStrictEqual(world.violations(), [])
    assert.strictEqual(world.counter("dave-downgrade"), 1)
    assert.strictEqual(world.counter("dave-upgrade"), 1)
  })

  it("also downgrades a client that has just reported an invalid commit", () => {
    const { a, b, world } = together(2)
    const plain = makeDaveClient(world, "9", { max: 0 })
    plain.enter()
    b.fail()
    settle(a, b, plain)
    world.wait(2_000)
    settle(a, b, plain)
    assert.deepStrictEqual([a.version(), b.version()], [0, 0])
  })

  it("cancels a downgrade when the plain client leaves before it was executed", () => {
    const { a, b, world } = together(2)
    a.muteReady = true
    const plain = makeDaveClient(world, "9", { max: 0 })
    plain.enter()
    settle(a, b)
    plain.drop(1000)
    settle(a, b)
    world.wait(5_000)
    settle(a, b)
    assertTogether(world, 1, a, b)
    assert.notInclude(a.ops(), 22)
    assert.strictEqual(world.counter("dave-transition-timeout"), 0)
  })
})

describe("Transitions", () => {
  it("are executed when all are ready, or after two seconds", () => {
    const { a, b, world } = together(2)
    a.muteReady = true
    const c = makeDaveClient(world, "3")
    c.enter()
    settle(a, b, c)
    assert.deepStrictEqual(view(world).transitions, [{ id: 1, version: 1, waiting: [a.userId] }])
    world.wait(1_999)
    assert.isFalse(a.step())
    world.wait(1)
    settle(a, b, c)
    for (const client of [a, b, c]) assert.deepStrictEqual(body(client, 22), [{ transition_id: 1 }])
    assert.strictEqual(world.counter("dave-transition-timeout"), 1)
    a.send(23, { transition_id: 1 })
    assert.strictEqual(world.counter("dave-ready-late"), 1)
    assert.deepStrictEqual(world.violations(), [])
    a.send(23, { transition_id: 77 })
    a.send(31, { transition_id: 78 })
    assert.deepStrictEqual(world.violations(), ["dave-unknown-transition", "dave-unknown-transition"])
  })

  it("can run concurrently", () => {
    const { a, b, world } = together(2)
    a.muteReady = true
    const c = makeDaveClient(world, "3")
    const d = makeDaveClient(world, "4")
    c.enter()
    settle(a, b, c)
    d.enter()
    settle(a, b, c, d)
    assert.deepStrictEqual(view(world).transitions.map(({ id }) => id), [1, 2])
    assertTogether(world, 3, a, b, c, d)
    world.wait(2_000)
    settle(a, b, c, d)
    assert.deepStrictEqual(body(b, 22), [{ transition_id: 1 }, { transition_id: 2 }])
  })

  it("count from 1 when the profile says so", () => {
    const { a, b, world } = together(2, { ...today, daveFirstTransition: "counted" })
    assertTogether(world, 1, a, b)
    assert.deepStrictEqual(body(a, 22), [{ transition_id: 1 }])
    assert.deepStrictEqual(body(b, 22), [{ transition_id: 1 }])
  })

  it("do not wait for a client that leaves", () => {
    const { a, b, world } = together(2)
    a.muteReady = true
    const c = makeDaveClient(world, "3")
    c.enter()
    settle(a, b, c)
    a.drop(1000)
    settle(b, c)
    assert.deepStrictEqual(body(b, 22), [{ transition_id: 1 }, { transition_id: 2 }])
    assertTogether(world, 3, b, c)
  })
})

describe("The last member", () => {
  it.each([["same", 1], ["zero", 0]] as const)(
    "starts a new group and gets op 21 with the %s version",
    (daveSoleMemberVersion, version) => {
      const { a, b, world } = together(2, { ...today, daveSoleMemberVersion })
      b.drop(1000)
      settle(a)
      assert.deepStrictEqual(a.ops().slice(-2), [24, 21])
      assert.deepStrictEqual(body(a, 24), [{ protocol_version: 1, epoch: 1 }])
      assert.deepStrictEqual(body(a, 21), [{ protocol_version: version, transition_id: 0 }])
      assert.deepStrictEqual(view(world).pending, [a.userId])
      assert.strictEqual(view(world).epoch, 0)
      const c = makeDaveClient(world, "3")
      c.enter()
      settle(a, c)
      assertTogether(world, 1, a, c)
      assert.deepStrictEqual(world.violations(), [])
      assert.strictEqual(world.counter("dave-reset"), 1)
    }
  )
})

describe("An epoch", () => {
  it("is prepared with the id of its transition when the profile says so", () => {
    const { a, b, world } = together(2, { ...today, daveEpochTransition: true })
    b.drop(1000)
    settle(a)
    assert.deepStrictEqual(body(a, 24), [{ protocol_version: 1, epoch: 1, transition_id: 0 }])
    assert.deepStrictEqual(world.violations(), [])
  })
})

describe("Recovery", () => {
  it("removes and adds a member in one epoch, on the same leaf", () => {
    const { a, b, c, world } = together(3)
    const before = messages(a, 27).length
    b.fail()
    settle(a, b, c)
    assertTogether(world, 3, a, b, c)
    assert.strictEqual(messages(a, 27).length, before + 1)
    assert.strictEqual(messages(b, 30).length, 2)
    assert.strictEqual(view(world).members.find(({ userId }) => userId === b.userId)?.leaf, 1)
    assert.deepStrictEqual(world.violations(), [])
  })

  it("starts a new group when every member has failed", () => {
    const { a, b, c, world } = together(3)
    for (const client of [a, b, c]) client.fail()
    settle(a, b, c)
    assertTogether(world, 1, a, b, c)
    assert.strictEqual(world.counter("dave-stranded"), 1)
  })

  it("re-adds a member that sends a new key package without reporting an error", () => {
    const { a, b, c, world } = together(3)
    c.session().reinit(1, c.userId, channelId)
    c.sendKeyPackage()
    settle(a, b, c)
    assertTogether(world, 3, a, b, c)
    assert.strictEqual(world.counter("dave-readded"), 1)
  })

  it("recovers from a Welcome that a fault has corrupted, and blames nobody", () => {
    const { a, b, world } = together(2)
    const c = makeDaveClient(world, "3")
    let spoilt = 0
    world.faults.add(({ frame, op, point }) => {
      if (point !== "voice-out" || op !== 30 || typeof frame === "string" || spoilt++ > 0) return undefined
      const other = new Uint8Array(frame)
      other.fill(0, 20, 60)
      return { _tag: "Replace", frame: other }
    })
    c.enter()
    settle(a, b, c)
    assertTogether(world, 3, a, b, c)
    assert.strictEqual(c.errors.length, 1)
    assert.strictEqual(world.counter("dave-invalid-commit"), 1)
    assert.deepStrictEqual(world.violations(), [])
  })
})

describe("Proposals", () => {
  it("are revoked when the joining client leaves before the commit, which then comes too late", () => {
    const { a, b, world } = together(2)
    const c = makeDaveClient(world, "3")
    c.enter()
    settle(c)
    c.drop(1000)
    settle(a, b)
    assert.strictEqual(view(world).epoch, 1)
    assert.strictEqual(view(world).proposals, 0)
    const [append, revoke] = messages(a, 27).slice(-2).map((message) => "body" in message ? message.body : undefined)
    assert.strictEqual(append?.readUInt8(0), 0)
    assert.strictEqual(revoke?.readUInt8(0), 1)
    assert.strictEqual(revoke?.length, 1 + 1 + 33)
    assert.deepStrictEqual([a.errors, b.errors, world.violations()], [[], [], []])
    assert.strictEqual(world.counter("dave-revoked"), 2)
    const d = makeDaveClient(world, "4")
    d.enter()
    settle(a, b, d)
    assertTogether(world, 2, a, b, d)
  })

  it("for an addition and a removal are sent together, so that there is a Welcome", () => {
    const { a, b, c, world } = together(3)
    const d = makeDaveClient(world, "4")
    d.enter()
    settle(d)
    c.drop(1000)
    settle(a, b, d)
    assertTogether(world, 3, a, b, d)
    assert.deepStrictEqual(world.violations(), [])
    assert.isAbove(world.counter("dave-reproposed"), 0)
  })

  it("do not wait for a client that sends no key package", () => {
    const world = makeWorld()
    const a = makeDaveClient(world, "1")
    const b = makeDaveClient(world, "2")
    const idle = makeDaveClient(world, "3")
    idle.intercept = (op, bytes) => op === 26 ? undefined : bytes
    for (const client of [idle, a, b]) client.enter()
    settle(a, b, idle)
    assertTogether(world, 1, a, b)
    assert.deepStrictEqual(idle.ops(), [25])
  })
})

describe("A lost connection", () => {
  it("is followed by a replay in which text and binary messages share one numbering", () => {
    const { a, b, world } = together(2)
    b.drop(1006)
    const c = makeDaveClient(world, "3")
    c.enter()
    settle(a, c)
    world.wait(3_000)
    settle(a, c)
    assert.deepStrictEqual(body(a, 22), [{ transition_id: 1 }])
    b.comeBack()
    settle(a, b, c)
    assertTogether(world, 2, a, b, c)
    const numbers = b.log.flatMap(({ seq }) => seq === undefined ? [] : [seq])
    assert.deepStrictEqual(numbers, numbers.map((_, i) => i))
    assert.deepStrictEqual([b.errors, world.violations()], [[], []])
    assert.isTrue(messages(b, 29).length === 1 && messages(b, 9).length === 1)
  })

  it("can lose a commit, which the server then requests again", () => {
    const { a, b, world } = together(2)
    const c = makeDaveClient(world, "3")
    for (const client of [a, b]) client.intercept = (op, bytes) => op === 28 ? undefined : bytes
    c.enter()
    settle(a, b, c)
    assert.strictEqual(view(world).proposals, 1)
    a.intercept = (_, bytes) => bytes
    a.drop(1006)
    a.comeBack()
    settle(a, b, c)
    assertTogether(world, 2, a, b, c)
    assert.deepStrictEqual(world.violations(), [])
  })

  it("removes the client at once when the profile says so, and adds it again when it is back", () => {
    const { a, b, c, world } = together(3, { ...today, daveLostMember: "removed" })
    b.drop(1006)
    settle(a, c)
    assert.notInclude(view(world).members.map(({ userId }) => userId), b.userId)
    const { epoch } = view(world)
    assertTogether(world, epoch, a, c)
    // The others are not told that it has left.
    assert.deepStrictEqual(body(a, 13), [])
    b.comeBack()
    settle(a, b, c)
    assertTogether(world, epoch + 1, a, b, c)
    assert.deepStrictEqual(body(b, 24), [{ protocol_version: 1, epoch: 1 }])
    assert.strictEqual(world.counter("dave-lost-removed"), 1)
    assert.deepStrictEqual([b.errors, world.violations()], [[], []])
  })

  it("of every client at once leads to a new group, when the profile removes lost clients", () => {
    const { a, b, c, world } = together(3, { ...today, daveLostMember: "removed" })
    for (const client of [a, b, c]) client.drop(1006)
    for (const client of [a, b, c]) client.comeBack()
    settle(a, b, c)
    assertTogether(world, view(world).epoch, a, b, c)
    assert.deepStrictEqual([a.errors, b.errors, c.errors, world.violations()], [[], [], [], []])
  })

  it("removes the client when it does not come back in time", () => {
    const { a, b, c, world } = together(3, { ...today, resumeWindowMs: 1_000 })
    b.drop(1006)
    world.wait(1_000)
    settle(a, c)
    assertTogether(world, 3, a, c)
  })
})

describe("A scripted participant without a member", () => {
  it("counts as a client without encryption", () => {
    const { a, b, world } = together(2)
    world.half.participants.join({ userId: makeClient(world, "8").userId, guildId, channelId, server })
    settle(a, b)
    assert.deepStrictEqual([a.version(), b.version()], [0, 0])
  })
})
