/**
 * A bot among guests who come, go, move, come back and speak in an order drawn from a seed, while the bot itself
 * sometimes moves, leaves, comes back and loses its connection. After every change everybody hears everybody.
 */
import { assert } from "@effect/vitest"
import { Cause, Clock, Effect, Fiber, Random } from "effect"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import * as Profile from "../../src/emulator/core/Profile.ts"
import * as EmulatorRandom from "../../src/emulator/core/Random.ts"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as Party from "./party.ts"

export const kinds = [
  "a guest joins",
  "a guest leaves",
  "a guest moves away",
  "a guest moves here",
  "a guest leaves and joins",
  "the bot moves",
  "the bot leaves and joins",
  "the bot is cut",
  "elsewhere",
  "several at once"
] as const

/** What happens in the bot's channel, or to the bot. */
export type Kind = (typeof kinds)[number]

/** Frames that were sent and not heard. */
export interface Loss {
  readonly kind: Kind
  /** Between two members who were there before. */
  readonly old: number
  /** From members who were there, at the one who joined, after it joined. */
  readonly joiner: number
  /** From the one who joined, at members who were there. */
  readonly fromJoiner: number
}

/**
 * The most frames of 20 ms that one member may miss of another, by what happens. If nothing overtakes anything, two
 * members who were there before lose nothing. A member who joins is in the group after a few network latencies, which
 * are 20 to 30 ms in one run of three; until then it cannot decrypt, and scripted members send nothing that could be
 * decrypted.
 */
export const bounds: { readonly [network in "steady" | "unsteady"]: Omit<Loss, "kind"> } = {
  steady: { old: 0, joiner: 2, fromJoiner: 2 },
  unsteady: { old: 4, joiner: 8, fromJoiner: 8 }
}

/**
 * A packet that is on the wire at the moment when Discord moves the bot reaches neither channel: at most one packet.
 */
const onItsWay = 1

const within = (loss: Loss, { old, ...others }: Omit<Loss, "kind">) => {
  const bound = { ...others, old: loss.kind === "the bot moves" ? Math.max(old, onItsWay) : old }
  for (const field of ["old", "joiner", "fromJoiner"] as const) {
    assert.isAtMost(loss[field], bound[field], `${loss.kind}: ${field}`)
  }
}

export interface Options {
  readonly seed: number
  /** The greatest number of guests. */
  readonly most: number
  /** The number at the start; drawn if it is left out. */
  readonly atStart?: number
  readonly rounds?: number
}

const channels = ["secure", "vault"] as const

/** How long everyone speaks who speaks during a change. */
const speechFrames = 25

const networks = [{ latencyMs: 1 }, { latencyMs: 1 }, { latencyMs: 20, jitterMs: 10 }] as const

const settings = ({ atStart, most, rounds, seed }: Options) => {
  const random = EmulatorRandom.make(seed)
  return {
    random,
    network: networks[random.int(networks.length)] ?? networks[0],
    firstTransition: random.next() < 0.5 ? "zero" as const : "counted" as const,
    rounds: rounds ?? 1 + random.int(3),
    // the number of members is mostly small, since the cost of a change grows with its square
    atStart: atStart ?? (random.next() < 0.03 ? most - 2 : random.int(Math.min(4, most))),
    most
  }
}

const numberOf = (payload: Uint8Array) => ((payload[1] ?? 0) << 8) | (payload[2] ?? 0)

const play = (options: Options, trace: Array<string>) =>
  Effect.gen(function*() {
    const { atStart, most, network, random, rounds } = settings(options)
    const isUnsteady = "jitterMs" in network
    const losses: Array<Loss> = []
    const discord = yield* Emulator.Emulator
    yield* discord.createChannel({ name: "vault", e2ee: "required" })
    const party = yield* Party.makeParty
    let named = 0
    const note = (what: string) => Effect.sync(() => void trace.push(what))
    const pick = <A>(list: ReadonlyArray<A>): A | undefined => list[random.int(Math.max(1, list.length))]
    const other = (channel: string) => channel === "secure" ? "vault" : "secure"

    yield* party.enter("secure")
    for (let i = 0; i < atStart; i++) yield* party.arrive(`guest ${++named}`, "secure")
    yield* party.rest("secure")

    type Needs = Effect.Services<ReturnType<Party.Party["enter"]>>

    interface Done {
      readonly kind: Kind
      /** Who joined, and when. */
      readonly joiner?: Party.Guest | "bot"
      readonly atMs?: number
    }

    const come = (kind: Kind, name: string, channel: string) =>
      Effect.gen(function*() {
        const joiner = yield* party.arrive(name, channel)
        return { kind, joiner, atMs: yield* Clock.currentTimeMillis }
      })

    /** Draws a change and makes it happen. */
    const act = (here: string): Effect.Effect<Done, never, Needs> => {
      const there = party.inChannel(here)
      const elsewhere = party.inChannel(other(here))
      const guest = pick(there)
      const choice = random.int(12)
      if (party.guests.size < most && (choice < 4 || guest === undefined)) {
        const name = `guest ${++named}`
        // somebody has to be elsewhere, too
        if (choice === 3) {
          return Effect.as(Effect.andThen(note(`${name} joins elsewhere`), party.arrive(name, other(here))), {
            kind: "elsewhere"
          })
        }
        return Effect.andThen(note(`${name} joins`), come("a guest joins", name, here))
      }
      const visitor = pick(elsewhere)
      if (choice === 4 && visitor !== undefined) {
        const { name } = visitor
        return note(`${name} moves here`).pipe(
          Effect.andThen(party.move(name, here)),
          Effect.andThen(Clock.currentTimeMillis),
          Effect.map((atMs) => ({ kind: "a guest moves here", joiner: visitor, atMs }))
        )
      }
      if (choice === 5 && guest !== undefined) {
        return Effect.as(Effect.andThen(note(`${guest.name} moves away`), party.move(guest.name, other(here))), {
          kind: "a guest moves away"
        })
      }
      if (choice === 6 && guest !== undefined) {
        return note(`${guest.name} leaves and joins`).pipe(
          Effect.andThen(party.leave(guest.name)),
          Effect.andThen(come("a guest leaves and joins", guest.name, here))
        )
      }
      if (choice === 7) {
        return note("the bot moves").pipe(
          Effect.andThen(party.go(other(here))),
          Effect.andThen(Clock.currentTimeMillis),
          Effect.map((atMs) => ({ kind: "the bot moves", joiner: "bot", atMs }))
        )
      }
      if (choice === 8) {
        return note("the bot leaves and joins").pipe(
          Effect.andThen(party.exit),
          Effect.andThen(party.enter(here)),
          Effect.andThen(Clock.currentTimeMillis),
          Effect.map((atMs) => ({ kind: "the bot leaves and joins", joiner: "bot", atMs }))
        )
      }
      if (choice === 9 || guest === undefined) {
        return Effect.as(
          // it may be on its way at this moment
          Effect.andThen(note("the bot is cut"), Effect.ignore(discord.faults.terminateVoice("bot"))),
          { kind: "the bot is cut" }
        )
      }
      return Effect.as(Effect.andThen(note(`${guest.name} leaves`), party.leave(guest.name)), {
        kind: "a guest leaves"
      })
    }

    /** Sends numbered frames, whatever happens to the speaker. Returns when the first one was due. */
    const speech = Effect.fnUntraced(function*(one: Party.Guest | Party.Bot, count: number) {
      const list = party.words(count)
      const startMs = yield* Clock.currentTimeMillis
      const speaking = "participant" in one
        ? one.participant.speak(list)
        : Effect.flatMap(one.session.play(AudioSource.fromFrames(list)), (track) => track.awaitEnd)
      const done = yield* Effect.forkChild(Effect.ignore(speaking), { startImmediately: true })
      return { one, list, startMs, done }
    })

    /** How many frames of a speech were heard by none of the listeners, counting frames due from `fromMs` on. */
    const missed = Effect.fnUntraced(function*(
      { list, one, startMs }: Effect.Success<ReturnType<typeof speech>>,
      listeners: ReadonlyArray<Party.Guest | Party.Bot>,
      fromMs: number
    ) {
      const seed = list[0]?.data[3]
      const heard = new Set<number>()
      const speaker = "participant" in one ? one.participant.userId : party.botId
      for (const { payload } of (yield* Effect.forEach(listeners, (one) => party.heardBy(one, speaker))).flat()) {
        if (payload[3] !== seed) continue
        const number = numberOf(payload)
        assert.deepStrictEqual(payload, list[number]?.data, "something else than what was said")
        assert.isFalse(heard.has(number), "heard twice")
        heard.add(number)
      }
      let count = 0
      for (let number = 0; number < list.length; number++) {
        if (!heard.has(number) && startMs + number * Party.frameMs >= fromMs) count++
      }
      return count
    })

    for (let round = 0; round < rounds; round++) {
      const here = party.botHere().channel
      const before = party.inChannel(here)
      const oldBot = party.botHere()
      const host = pick(before)
      const botSpeech = yield* speech(oldBot, speechFrames)
      const hostSpeech = host === undefined ? undefined : yield* speech(host, speechFrames)
      yield* Effect.sleep(100 + random.int(100))
      const several = random.next() < 0.3
      const done: Array<Done> = [yield* act(here)]
      let joinerSpeech: Effect.Success<ReturnType<typeof speech>> | undefined
      if (several) {
        for (let more = 1 + random.int(3); more > 0; more--) {
          yield* Effect.sleep(random.next() < 0.5 ? 0 : random.int(80))
          done.push(yield* act(party.botHere().channel))
        }
      } else {
        const [{ joiner } = { joiner: undefined }] = done
        const who = joiner === "bot" ? party.botHere() : joiner
        // a member who was moved continues its speech
        if (who !== undefined && who !== oldBot) joinerSpeech = yield* speech(who, speechFrames / 2)
      }
      for (const { done } of [botSpeech, ...[hostSpeech, joinerSpeech].filter((one) => one !== undefined)]) {
        yield* Fiber.await(done)
      }
      const bot = party.botHere()
      yield* party.rest(bot.channel)
      yield* party.rest(other(bot.channel))
      // for packets that are late
      yield* Effect.sleep("100 millis")

      const [{ atMs = 0, joiner, kind }] = [done[0] ?? assert.fail("something happens")]
      const stay = before.filter((guest) => party.inChannel(here).includes(guest) && guest !== joiner)
      if (several || kind === "elsewhere") {
        losses.push({ kind: several ? "several at once" : kind, old: 0, joiner: 0, fromJoiner: 0 })
      } else {
        let [old, late, fromJoiner] = [0, 0, 0]
        const isOld = (one: Party.Guest | Party.Bot) =>
          "participant" in one ? stay.includes(one) : one === oldBot && joiner !== "bot"
        const listeners: ReadonlyArray<Party.Guest | Party.Bot> = bot.channel === here ? [...stay, bot] : stay
        const said = [...(joiner === "bot" ? [] : [botSpeech]), ...(hostSpeech === undefined ? [] : [hostSpeech])]
        for (const speech of said) {
          if (!isOld(speech.one)) {
            continue
          }
          for (const listener of listeners) {
            if (listener === speech.one) {
              continue
            }
            if (isOld(listener)) old = Math.max(old, yield* missed(speech, [listener], 0))
            else late = Math.max(late, yield* missed(speech, [listener], atMs))
          }
          if (joiner !== undefined && joiner !== "bot") late = Math.max(late, yield* missed(speech, [joiner], atMs))
        }
        if (joinerSpeech !== undefined) {
          for (const listener of listeners) {
            if (isOld(listener)) fromJoiner = Math.max(fromJoiner, yield* missed(joinerSpeech, [listener], 0))
          }
        }
        // what the bot says while it moves is heard in one channel or the other
        if (kind === "the bot moves" && stay.length > 0 && party.inChannel(bot.channel).length > 0) {
          const listeners = [stay[0], party.inChannel(bot.channel)[0]].filter((guest) => guest !== undefined)
          old = yield* missed(botSpeech, listeners, 0)
        }
        losses.push({ kind, old, joiner: late, fromJoiner })
      }
      const loss = losses.at(-1)
      if (loss !== undefined) within(loss, isUnsteady ? bounds.unsteady : bounds.steady)
      for (const channel of channels) yield* party.talk(channel, 2)
      yield* party.discreet
      trace.push("all is well")
    }
    assert.deepStrictEqual(yield* discord.violations, [])
    // if datagrams can be late, the goodbye on the WebSocket may overtake the silence before it
    const advice = (yield* discord.advice).filter(({ code }) => !isUnsteady || code !== "missing-closing-silence")
    assert.deepStrictEqual(advice, [])
    return losses
  })

/** Plays a seed, and returns what was lost. */
export const run = (options: Options): Effect.Effect<ReadonlyArray<Loss>> => {
  const { firstTransition, network } = settings(options)
  const trace: Array<string> = []
  return Party.run(Random.withSeed(play(options, trace), options.seed), {
    seed: options.seed,
    network,
    profile: { ...Profile.today, daveFirstTransition: firstTransition }
  }).pipe(
    Effect.catchCause((cause) =>
      Effect.die(
        new Error(
          `seed ${options.seed}: ${trace.join(", ")}: ${Cause.pretty(cause)}\n` +
            `alone: SEED=${options.seed} npx vitest run test/integration/e2eeSchedules.test.ts`
        )
      )
    )
  )
}

/** The greatest losses of each kind. */
export const table = (
  losses: ReadonlyArray<Loss>
): ReadonlyMap<Kind, Omit<Loss, "kind"> & { readonly times: number }> => {
  const rows = new Map<Kind, Omit<Loss, "kind"> & { readonly times: number }>()
  for (const { fromJoiner, joiner, kind, old } of losses) {
    const row = rows.get(kind) ?? { times: 0, old: 0, joiner: 0, fromJoiner: 0 }
    rows.set(kind, {
      times: row.times + 1,
      old: Math.max(row.old, old),
      joiner: Math.max(row.joiner, joiner),
      fromJoiner: Math.max(row.fromJoiner, fromJoiner)
    })
  }
  return rows
}
