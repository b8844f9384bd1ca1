/** The bot among members who misbehave, and with failures of its own part in the group. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import type * as Emulator from "../../src/emulator/Emulator.ts"
import * as Party from "./party.ts"

type Misbehaviour = NonNullable<Emulator.JoinOptions["misbehave"]>

const counters = (party: Party.Party) =>
  Effect.map(Effect.orDie(party.botHere().session.statistics), (all) => ({
    framesDecrypted: all.framesDecrypted,
    undecryptable: all.undecryptable,
    unencrypted: all.unencrypted,
    fromNonMembers: all.fromNonMembers,
    unknownSenders: all.unknownSenders,
    rejected: all.e2eeRejections > 0,
    recoveries: all.e2eeRecoveries
  }))

/** By alice, then by alice and bob, then by bob. */
const saidByOthers = 3 + 6 + 3

const none = { undecryptable: 0, unencrypted: 0, fromNonMembers: 0, unknownSenders: 0, rejected: false, recoveries: 0 }

/** How a member misbehaves, how many of its 100 frames are heard, and what is counted. */
const wrongs: ReadonlyArray<readonly [Misbehaviour, heard: number, counted: typeof none, "before" | "after"]> = [
  ...(["before", "after"] as const).flatMap((position) =>
    [
      [{ commits: "malformed" }, 100, none, position],
      [{ commits: "none" }, 100, none, position],
      [{ ready: "never" }, 100, none, position],
      [{ frames: "garbage" }, 0, { ...none, undecryptable: 100, recoveries: 1 }, position],
      [{ frames: "plain" }, 0, { ...none, unencrypted: 100 }, position],
      [{ keyPackage: "bad" }, 0, none, position],
      [{ keyPackage: { delayMs: 700 } }, 100, none, position],
      // frames of a sender who is in no group are not forwarded to members of the group
      [{ keyPackage: "bad", frames: "garbage" }, 0, none, position],
      [{ keyPackage: "bad", frames: "plain" }, 0, { ...none, unencrypted: 100 }, position]
    ] as const
  ),
  // the first commit wins, so that everyone has to give up on what it says
  [{ commits: "forged" }, 100, { ...none, rejected: true, recoveries: 2 }, "before"],
  [{ commits: "forged" }, 100, { ...none, rejected: true, recoveries: 1 }, "after"],
  // it never gets into the group of those who came after it
  [{ epoch: "stale" }, 0, none, "before"],
  [{ epoch: "stale" }, 0, { ...none, undecryptable: 100, recoveries: 1 }, "after"]
]

describe("a misbehaving member", () => {
  for (const [how, audible, counted, position] of wrongs) {
    it.effect(`does not stop others hearing each other: ${JSON.stringify(how)}, joined ${position} the bot`, () =>
      Party.run(Effect.gen(function*() {
        const party = yield* Party.makeParty
        party.rogues.add("mallory")
        if (position === "before") yield* party.arrive("mallory", "secure", { misbehave: how })
        yield* party.arrive("alice", "secure")
        yield* party.enter("secure")
        if (position === "after") yield* party.arrive("mallory", "secure", { misbehave: how })
        yield* Effect.sleep("3 seconds")
        yield* party.rest("secure")
        const mallory = party.guests.get("mallory") ?? assert.fail("mallory is here")
        const talking = yield* Effect.forkChild(
          Effect.ignore(mallory.participant.speak(party.words(100))),
          { startImmediately: true }
        )
        yield* party.talk("secure", 3)
        yield* party.arrive("bob", "secure")
        yield* Effect.sleep("3 seconds")
        yield* party.rest("secure")
        yield* party.talk("secure", 3)
        yield* party.leave("alice")
        yield* Effect.sleep("3 seconds")
        yield* party.rest("secure")
        yield* party.talk("secure", 3)
        yield* Fiber.interrupt(talking)
        const heard = yield* party.heardBy(party.botHere(), mallory.participant.userId)
        assert.strictEqual(heard.length, audible)
        const { framesDecrypted, ...rest } = yield* counters(party)
        assert.deepStrictEqual(rest, counted)
        assert.strictEqual(framesDecrypted, audible + saidByOthers)
        yield* party.leave("mallory")
        yield* Effect.sleep("3 seconds")
        yield* party.rest("secure")
        yield* party.talk("secure", 3)
        yield* party.discreet
        const { userId } = mallory.participant
        assert.deepStrictEqual(
          (yield* party.discord.violations).filter((verdict) => verdict.userId !== userId),
          []
        )
        assert.deepStrictEqual(yield* party.discord.advice, [])
      })))
  }
})

/** Which message is spoiled, and how often the bot has to ask to be added again. */
const losses = [
  ["voice-out", 29, "drop", 1],
  ["voice-out", 29, "corrupt", 1],
  ["voice-out", 30, "drop", 1],
  ["voice-out", 30, "corrupt", 1],
  ["voice-in", 26, "drop", 1],
  ["voice-in", 26, "corrupt", 1],
  ["voice-in", 28, "drop", 0],
  ["voice-in", 28, "corrupt", 0],
  ["voice-in", 23, "drop", 0],
  ["voice-in", 23, "corrupt", 0]
] as const

describe("a lost or corrupted group message", () => {
  for (const [point, op, what, recoveries] of losses) {
    it.effect(`does not keep the bot out of the group: ${point} op ${op} ${what}`, () =>
      Party.run(Effect.gen(function*() {
        const party = yield* Party.makeParty
        const { faults } = party.discord
        yield* party.arrive("alice", "secure")
        const isOfJoin = op === 30 || op === 26
        if (!isOfJoin) {
          yield* party.enter("secure")
          yield* party.rest("secure")
        }
        const rule = yield* Effect.orDie(faults.when({ user: "bot", point, op, nth: 1 }, what))
        if (isOfJoin) yield* party.enter("secure")
        else yield* party.arrive("bob", "secure")
        const alice = party.guests.get("alice") ?? assert.fail("alice is here")
        yield* Effect.ignore(alice.participant.speak(party.words(150)))
        yield* Effect.sleep("10 seconds")
        assert.strictEqual(yield* rule.hits, 1)
        assert.strictEqual((yield* counters(party)).recoveries, recoveries)
        yield* party.rest("secure")
        yield* party.talk("secure", 3)
        yield* party.discreet
        assert.deepStrictEqual(yield* party.discord.violations, [])
      })))
  }
})
