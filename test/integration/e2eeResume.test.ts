/**
 * The bot's voice WebSocket is cut before or after each message that concerns its group, in either direction. The call
 * goes on, encrypted, with one code for everyone.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import * as Profile from "../../src/emulator/core/Profile.ts"
import type * as Emulator from "../../src/emulator/Emulator.ts"
import * as Party from "./party.ts"
import * as Rig from "./rig.ts"

/** What causes the message. */
type Cause =
  | "first handshake, their commit"
  | "first handshake, our commit"
  | "arrival"
  | "departure"
  | "alone and together again"
  | "downgrade"
  | "upgrade"
  | "recovery"

const messages: { readonly [cause in Cause]: ReadonlyArray<readonly [Emulator.FaultPoint, number]> } = {
  "first handshake, their commit": [
    ["voice-out", 25],
    ["voice-in", 26],
    ["voice-out", 27],
    ["voice-in", 28],
    ["voice-out", 30],
    ["voice-in", 23],
    ["voice-out", 22]
  ],
  "first handshake, our commit": [["voice-in", 28], ["voice-out", 29], ["voice-in", 23], ["voice-out", 22]],
  arrival: [["voice-out", 11], ["voice-out", 27], ["voice-in", 28], ["voice-out", 29], ["voice-in", 23], [
    "voice-out",
    22
  ]],
  departure: [
    ["voice-out", 13],
    ["voice-out", 27],
    ["voice-in", 28],
    ["voice-out", 29],
    ["voice-in", 23],
    ["voice-out", 22]
  ],
  "alone and together again": [
    ["voice-out", 24],
    ["voice-out", 21],
    ["voice-in", 26],
    ["voice-out", 27],
    ["voice-in", 28],
    ["voice-out", 30],
    ["voice-in", 23],
    ["voice-out", 22]
  ],
  downgrade: [["voice-out", 21], ["voice-in", 23], ["voice-out", 22]],
  upgrade: [["voice-out", 24], ["voice-in", 26], ["voice-out", 27], ["voice-in", 28], ["voice-out", 30], [
    "voice-in",
    23
  ], [
    "voice-out",
    22
  ]],
  recovery: [["voice-in", 31], ["voice-in", 26], ["voice-out", 30], ["voice-in", 23], ["voice-out", 22]]
}

const becomes = (what: string, check: Effect.Effect<boolean>) =>
  Effect.gen(function*() {
    for (let waited = 0; waited < 6_000; waited += 20) {
      if (yield* check) return
      yield* Effect.sleep(20)
    }
    return assert.fail(what)
  })

/** Whether somebody who cannot encrypt is there for a while. */
const isPlain = (cause: Cause) => cause === "downgrade" || cause === "upgrade"

const play = (cause: Cause, point: Emulator.FaultPoint, op: number, cut: "before" | "after") =>
  Effect.gen(function*() {
    const party = yield* Party.makeParty
    const { faults } = party.discord
    const strike = Effect.orDie(faults.when({ user: "bot", point, op, nth: 1 }, { cut }))
    const isFirst = cause.startsWith("first handshake")
    const channel = isPlain(cause) ? "lobby" : "secure"

    const host = yield* party.arrive(
      "host",
      channel,
      cause === "first handshake, our commit" ?
        {
          misbehave: { commits: "none" }
        } :
        {}
    )
    const first = isFirst ? yield* strike : undefined
    yield* party.enter(channel)
    yield* party.rest(channel)
    yield* host.participant.misbehave({})
    const version = Effect.map(
      party.botHere().session.e2ee,
      ({ transitioning, version }) => transitioning ? -1 : version
    )
    if (cause === "departure") yield* party.arrive("other", channel)
    if (cause === "upgrade") {
      yield* party.arrive("plain", channel, { e2ee: false })
      yield* becomes("does not stop to encrypt", Effect.map(version, (version) => version === 0))
    } else yield* party.rest(channel)

    // somebody speaks all the time
    const talking = yield* Effect.forkChild(
      Effect.ignore(host.participant.speak(party.words(100))),
      { startImmediately: true }
    )
    const rule = first ?? (yield* strike)
    switch (cause) {
      case "arrival":
        yield* party.arrive("other", channel)
        break
      case "departure":
        yield* party.leave("other")
        break
      case "alone and together again":
        yield* Fiber.interrupt(talking)
        yield* party.leave("host")
        yield* Effect.sleep("300 millis")
        yield* party.arrive("host", channel)
        break
      case "downgrade":
        // a plain frame that comes before its sender is known is passed on without a name
        yield* (yield* party.arrive("plain", channel, { e2ee: false })).participant.setSpeaking(1)
        yield* Effect.sleep("3 seconds")
        assert.strictEqual(yield* version, 0)
        yield* party.talk(channel, 3)
        yield* party.leave("plain")
        break
      case "upgrade":
        yield* party.leave("plain")
        yield* becomes("does not encrypt again", Effect.map(version, (version) => version === 1))
        break
      case "recovery":
        // a commit that cannot be read
        yield* Effect.orDie(faults.when({ user: "bot", point: "voice-out", op: 29, nth: 1 }, "corrupt"))
        yield* party.arrive("other", channel)
        break
    }
    // the transition of those who are there is over, even if somebody did not answer
    yield* Effect.sleep("3 seconds")
    assert.strictEqual(yield* rule.hits, 1, "the message has not come")
    yield* party.rest(channel)
    yield* party.talk(channel, 3)
    yield* party.arrive("one more", channel)
    yield* party.rest(channel)
    yield* party.talk(channel, 3)
    if (!isPlain(cause)) yield* party.discreet
    yield* Fiber.interrupt(talking)
    assert.deepStrictEqual(yield* party.discord.violations, [])
    assert.deepStrictEqual(yield* party.discord.advice, [])
    assert.strictEqual((yield* party.botHere().session.state)._tag, "Ready")
  })

const causes: ReadonlyArray<Cause> = [
  "first handshake, their commit",
  "first handshake, our commit",
  "arrival",
  "departure",
  "alone and together again",
  "downgrade",
  "upgrade",
  "recovery"
]

describe("a WebSocket cut during a transition leaves the call intact", () => {
  for (const cause of causes) {
    for (const [point, op] of messages[cause]) {
      for (const side of ["before", "after"] as const) {
        for (const daveLostMember of ["kept", "removed"] as const) {
          // the host commits nothing there, so nobody could remove the bot
          if (daveLostMember === "removed" && cause === "first handshake, our commit") continue
          it.effect(`${cause}: ${side} ${point === "voice-in" ? "our" : "their"} op ${op}, ${daveLostMember}`, () =>
            Party.run(play(cause, point, op, side), {
              profile: {
                ...(isPlain(cause) ? Rig.open : Profile.today),
                daveFirstTransition: "counted",
                daveLostMember
              }
            }))
        }
      }
    }
  }
})
