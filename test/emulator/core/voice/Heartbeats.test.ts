import { assert, describe, it } from "@effect/vitest"
import * as FaultRules from "../../../../src/emulator/core/faults/FaultRules.ts"
import { today } from "../../../../src/emulator/core/Profile.ts"
import * as Random from "../../../../src/emulator/core/Random.ts"
import { UserId } from "../../../../src/protocol/Identifier.ts"
import { channelId, guildId, makeClient, makeWorld, server } from "./kit.ts"

const intervalMs = today.voiceHeartbeatIntervalMs

const joined = (version = 8) => {
  const world = makeWorld()
  const client = makeClient(world, "1", { version })
  client.join()
  return { world, client, version }
}

type Joined = ReturnType<typeof joined>

const beat = ({ client, version }: Joined, d: object = {}) => client.send(3, version < 8 ? 1 : { t: 1, ...d })

/** The times of several timers of one client, each given by its first beat and its period. */
const beats = (
  timers: ReadonlyArray<readonly [firstMs: number, periodMs: number]>,
  untilMs: number,
  jitter = () => 0
) =>
  timers.flatMap(([first, period]) =>
    Array.from({ length: Math.floor((untilMs - first) / period) + 1 }, (_, i) => first + i * period + jitter())
  ).toSorted((a, b) => a - b)

const play = (scene: Joined, times: ReadonlyArray<number>) => {
  let now = 0
  for (const time of times) {
    if (time > now) scene.world.wait(time - now)
    now = Math.max(now, time)
    beat(scene)
  }
}

describe("heartbeats of one timer", () => {
  it.each([1, 0.75, 0.5, 1 / 3, 5_000 / intervalMs, 3_000 / intervalMs])(
    "are correct at %f of the interval, with jitter and with an immediate first one as well",
    (share) => {
      for (const jitterMs of [0, 40, 200]) {
        const random = Random.make(5)
        const scene = joined()
        const first = random.int(intervalMs * share)
        play(scene, [0, ...beats([[first, intervalMs * share]], 60 * intervalMs, () => random.int(jitterMs + 1))])
        assert.isUndefined(scene.client.closed())
        assert.deepStrictEqual([scene.world.violations(), scene.world.advice()], [[], []], `${jitterMs}`)
      }
    }
  )

  it("are correct if none is late, even if every other one comes early", () => {
    const scene = joined()
    play(scene, beats([[0, 1.4 * intervalMs], [0.4 * intervalMs, 1.4 * intervalMs]], 20 * intervalMs))
    assert.deepStrictEqual(scene.world.advice(), [])
  })

  it("are correct if the server requests additional ones", () => {
    const scene = joined()
    for (let i = 0; i < 20; i++) {
      beat(scene)
      scene.world.wait(3_000)
      scene.world.half.disturbance.requestHeartbeat(scene.client.userId)
      beat(scene)
      scene.world.wait(intervalMs - 3_000)
    }
    assert.deepStrictEqual(scene.world.advice(), [])
  })

  it("are correct if each connection has its own timer, one after the other", () => {
    const scene = joined()
    for (let i = 0; i < 10; i++) {
      for (let j = 0; j < 3; j++) {
        beat(scene)
        scene.world.wait(intervalMs)
      }
      scene.client.drop()
      scene.world.wait(700)
      scene.client.connect()
      scene.client.resume()
    }
    assert.deepStrictEqual([scene.world.violations(), scene.world.advice()], [[], []])
  })
})

describe("heartbeats of several timers", () => {
  const stacks = [
    ["two, one of them left over from an earlier connection", [[0, intervalMs], [4_000, intervalMs]]],
    ["two at once", [[0, intervalMs], [0, intervalMs]]],
    ["three", [[0, intervalMs], [1_000, intervalMs], [9_000, intervalMs]]],
    ["eight", [0, 1, 2, 3, 4, 5, 6, 7].map((i) => [i * 1_000, intervalMs] as const)],
    ["two that beat every five seconds", [[0, 5_000], [1_500, 5_000]]]
  ] satisfies ReadonlyArray<readonly [string, ReadonlyArray<readonly [number, number]>]>

  it.each(stacks)("are reported once: %s", (_, timers) => {
    for (const jitterMs of [0, 40]) {
      const random = Random.make(5)
      const scene = joined()
      play(scene, beats(timers, 6 * intervalMs, () => random.int(jitterMs + 1)))
      assert.deepStrictEqual(scene.world.advice(), ["heartbeat-too-often"])
      assert.deepStrictEqual(scene.world.violations(), [])
    }
  })

  it("are reported for a flood from a single timer as well, whatever the interval", () => {
    const scene = joined()
    play(scene, beats([[0, 1_000]], 60_000))
    assert.deepStrictEqual(scene.world.advice(), ["heartbeat-too-often"])
  })

  it("are not reported for a client whose messages a fault has touched", () => {
    const scene = joined()
    scene.world.faults.add(FaultRules.make({ point: "voice-out", op: 6 }, undefined, "drop", () => {}))
    play(scene, beats([[0, intervalMs], [4_000, intervalMs]], 6 * intervalMs))
    assert.deepStrictEqual(scene.world.advice(), [])
    assert.strictEqual(scene.world.counter("tampered:heartbeat-too-often"), 1)
  })
})

describe("acknowledgements", () => {
  /** The sequence numbers that the client received on its connection. Others join, so that there are some. */
  const numbers = ({ client }: Joined) => client.messages().flatMap(({ seq }) => seq === undefined ? [] : [seq])

  const come = ({ world }: Joined, user: string) =>
    void world.half.participants.join({ userId: UserId.make(user), guildId, channelId, server })

  /** How a client acknowledges the sequence numbers that it received so far. */
  const habits: { readonly [name: string]: (numbers: ReadonlyArray<number>) => object } = {
    "of the last number": (all) => ({ seq_ack: all.at(-1) ?? -1 }),
    "of none while there is none": (all) => all.length === 0 ? {} : { seq_ack: all.at(-1) },
    "of nothing": () => ({}),
    "of -1 for ever": () => ({ seq_ack: -1 }),
    "of the first number for ever": (all) => ({ seq_ack: all[0] ?? -1 })
  }

  const run = (habit: (numbers: ReadonlyArray<number>) => object, version = 8, first = 0) => {
    const world = makeWorld()
    const client = makeClient(world, "1", { version })
    if (first > 0) world.half.disturbance.startSequence(client.userId, first)
    client.join()
    const scene = { world, client, version }
    for (let i = 0; i < 6; i++) {
      beat(scene, habit(numbers(scene)))
      if (i === 2) come(scene, "2")
      if (i === 3) come(scene, "3")
      world.wait(intervalMs)
    }
    assert.deepStrictEqual(world.violations(), [])
    return scene
  }

  it.each(["of the last number", "of none while there is none"])("%s are correct, across a wrap as well", (name) => {
    const habit = habits[name]
    if (habit === undefined) throw new Error(name)
    assert.deepStrictEqual(run(habit).world.advice(), [])
    const wrapped = run(habit, 8, 65_534)
    assert.include(numbers(wrapped), 65_535)
    assert.include(numbers(wrapped), 0)
    assert.deepStrictEqual(wrapped.world.advice(), [])
  })

  it.each(["of nothing", "of -1 for ever", "of the first number for ever"])("%s are reported once", (name) => {
    const habit = habits[name]
    if (habit === undefined) throw new Error(name)
    for (const first of [0, 65_534]) {
      assert.deepStrictEqual(run(habit, 8, first).world.advice(), ["acknowledgement-behind"])
    }
  })

  it("of all but the last number are reported", () => {
    const scene = joined()
    const guest = scene.world.half.participants.join({ userId: UserId.make("2"), guildId, channelId, server })
    scene.world.wait(6_000)
    const seq_ack = numbers(scene).at(-1)
    beat(scene, { seq_ack })
    guest.setSpeaking(1)
    scene.world.wait(6_000)
    assert.deepStrictEqual(scene.world.advice(), [])
    beat(scene, { seq_ack })
    assert.deepStrictEqual(scene.world.advice(), ["acknowledgement-behind"])
  })

  it("are not required below version 8", () => {
    assert.deepStrictEqual(run(() => ({}), 7).world.advice(), [])
  })

  it("may be in flight for five seconds", () => {
    for (const [waitMs, advice] of [[4_999, []], [5_000, ["acknowledgement-behind"]]] as const) {
      const scene = joined()
      come(scene, "2")
      scene.world.wait(waitMs)
      beat(scene, { seq_ack: -1 })
      assert.deepStrictEqual(scene.world.advice(), [...advice])
    }
  })

  it("are due for messages on a new connection, and not for those lost with the old one", () => {
    const scene = joined()
    const { client, world } = scene
    scene.world.wait(10_000)
    client.drop()
    come(scene, "2")
    world.wait(10_000)
    client.connect()
    client.resume({ seq_ack: -1 })
    beat(scene, { seq_ack: -1 })
    assert.deepStrictEqual(world.advice(), [])
    const last = numbers(scene).at(-1)
    assert.isDefined(last)
    world.wait(6_000)
    beat(scene, { seq_ack: last })
    assert.deepStrictEqual(world.advice(), [])
    beat(scene, { seq_ack: -1 })
    assert.deepStrictEqual(world.advice(), ["acknowledgement-behind"])
  })

  it("of messages that a fault has withheld are not required", () => {
    for (const what of ["drop", { delayMs: 20_000 }, { duplicate: 1 }] as const) {
      const scene = joined()
      scene.world.faults.add(FaultRules.make({ point: "voice-out", op: 11 }, undefined, what, () => {}))
      come(scene, "2")
      scene.world.wait(6_000)
      beat(scene, { seq_ack: -1 })
      assert.deepStrictEqual(scene.world.advice(), [])
      assert.strictEqual(scene.world.counter("tampered:acknowledgement-behind"), 1)
    }
  })
})
