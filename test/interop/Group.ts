/**
 * An end-to-end encrypted channel with a foreign client, our client and scripted members. The trials check whether all
 * are in one group, and whether everyone hears everyone while the group changes.
 */
import { assert } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import * as AudioSource from "../../src/audio/AudioSource.ts"
import * as Profile from "../../src/emulator/core/Profile.ts"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as Rig from "../integration/rig.ts"
import type * as Foreign from "./Foreign.ts"
import * as Trial from "./Trial.ts"

/** The channels "secure" and "vault" require encryption, "lobby" does not. */
export const discordOf = (habits: Partial<Profile.Profile>) =>
  Emulator.layer({
    tls: true,
    profile: { ...Profile.today, voiceHeartbeatIntervalMs: 5_000, ...habits },
    world: { channels: [{ name: "vault", e2ee: "required" }, { name: "lobby", e2ee: "optional" }] }
  })

/** Audio as Discord's servers send it, with extension and padding. */
export const discord = discordOf({ maxPadding: 200, paddingRate: 1 })

type Where = ReturnType<typeof discordOf>

/** Runs a trial with the given layer. */
const on = <A, E>(trial: Effect.Effect<A, E, Emulator.Emulator>, _: Foreign.Script, where: Where = discord) =>
  Effect.provide(trial, where)

const patienceMs = 60_000

/** Like `until` of the trials, but checks less often: there is much to compare. */
const until = <R>(check: Effect.Effect<void, never, R>): Effect.Effect<void, never, R> =>
  check.pipe(
    Effect.catchDefect(() => Effect.fail("not yet")),
    Effect.retry(Schedule.spaced("200 millis")),
    Effect.timeoutOrElse({ duration: patienceMs, orElse: () => check }),
    Effect.orDie
  )

/**
 * Waits until exactly these are the members of a channel's group, and all of them agree: the voice privacy code is the
 * same everywhere, and no change is pending.
 */
export const agreed = Effect.fnUntraced(function*(
  channel: string,
  client: Trial.Client,
  guests: ReadonlyArray<Emulator.Participant>,
  us?: Trial.Ours
) {
  const discord = yield* Emulator.Emulator
  const channelId = yield* Effect.orDie(discord.channel(channel))
  const members = [client.userId, ...guests.map(({ userId }) => userId), ...us === undefined ? [] : [us.userId]]
  yield* until(Effect.gen(function*() {
    const group = (yield* discord.snapshot).daveGroups.find((one) => one.channelId === channelId)
    assert.sameMembers(group?.members.map(({ userId }) => userId) ?? [], members)
    assert.deepStrictEqual([group?.pending, group?.proposals, group?.transitions], [[], 0, []])
    const code = String(yield* Effect.orDie(client.privacyCode))
    assert.match(code, /^\d{30}$/)
    for (const guest of guests) {
      const theirs = yield* guest.e2ee
      assert.strictEqual(theirs?.privacyCode, code)
      assert.sameMembers(Array.from(theirs?.members ?? []), members)
    }
    if (us === undefined) return
    const { membership, transitioning } = yield* us.session.e2ee
    assert.strictEqual(membership?.privacyCode, code)
    assert.sameMembers(Array.from(membership?.members ?? []), members)
    assert.isFalse(transitioning)
  }))
})

/**
 * The verification codes between the client and each of the others are the same on both sides. They take a moment each.
 */
export const verified = Effect.fnUntraced(function*(
  client: Trial.Client,
  guests: ReadonlyArray<Emulator.Participant>,
  us: Trial.Ours
) {
  const discord = yield* Emulator.Emulator
  const own = yield* Effect.orDie(discord.user("bot"))
  const codes = new Map<string, string | undefined>()
  for (const guest of guests) codes.set(guest.userId, yield* Effect.orDie(guest.verificationCode("bot")))
  codes.set(us.userId, yield* us.session.verificationCode(own.id))
  for (const [userId, code] of codes) {
    assert.match(code ?? "", /^\d{45}$/)
    assert.strictEqual(yield* client.verificationCode(userId), code)
  }
})

/** Marks the packets of a conversation. It is greater than the seeds of speeches. */
const mark = 0xf0

const ofConversation = (packet: Uint8Array) => packet[0] === 0xfc && packet[3] === mark

const numberOf = (packet: Uint8Array) => (packet[1] ?? 0) * 256 + (packet[2] ?? 0)

/** The packet with this number, below 65536. All of them are different and plausible. */
const packetOf = (number: number) => {
  const data = new Uint8Array(4 + (number * 37) % 120)
  for (let at = 0; at < data.length; at++) data[at] = (at * 7 + number * 13) & 0xff
  data.set([0xfc, number >>> 8, number & 0xff, mark])
  return data
}

const breathLength = 25
const enough = 2 * breathLength

/** Somebody who says one numbered packet after another. */
interface Talk {
  readonly userId: string
  /** The number of the first packet of the next breath. */
  readonly next: () => number
}

/** What was said so far: a member who comes back continues the count. Each member talks until the scope closes. */
const conversation = () => {
  const said = new Map<string, number>()
  const talk = Effect.fnUntraced(function*<E, R>(
    userId: string,
    speak: (frames: ReadonlyArray<AudioSource.OpusFrame>) => Effect.Effect<unknown, E, R>
  ) {
    const next = () => said.get(userId) ?? 0
    yield* Effect.suspend(() => {
      const first = next()
      said.set(userId, first + breathLength)
      return speak(Array.from({ length: breathLength }, (_, i) => ({ data: packetOf(first + i), samples: 960 })))
    }).pipe(Effect.forever, Effect.orDie, Effect.forkScoped({ startImmediately: true }))
    const talk: Talk = { userId, next }
    return talk
  })
  return {
    client: ({ play, userId }: Trial.Client) => talk(userId, play),
    guest: ({ speak, userId }: Emulator.Participant) => talk(userId, speak),
    us: ({ session, userId }: Trial.Ours) =>
      talk(
        userId,
        (frames) =>
          Effect.scoped(Effect.flatMap(session.play(AudioSource.fromFrames(frames)), ({ awaitEnd }) => awaitEnd))
      )
  }
}

/** What somebody has heard from a user so far. */
interface Ear {
  readonly userId: string
  readonly heard: (userId: string) => Effect.Effect<ReadonlyArray<Uint8Array>>
}

const earOf = ({ heard, userId }: Trial.Client | Trial.Ours): Ear => ({
  userId,
  heard: (from) => Effect.sync(() => heard(from))
})

const earOfGuest = ({ heard, userId }: Emulator.Participant): Ear => ({
  userId,
  heard: (from) => Effect.map(heard, (all) => all.filter((one) => one.userId === from).map(({ payload }) => payload))
})

/**
 * From the next breath on, everyone hears everyone without a gap: call it when all agree about the group. What was
 * heard earlier, while the group was changing, only has to be what was said, in order.
 */
const everyoneHears = Effect.fnUntraced(function*(
  ears: ReadonlyArray<Ear>,
  talks: ReadonlyArray<Talk>
) {
  const pairs = talks.flatMap((talk) =>
    ears.filter(({ userId }) => userId !== talk.userId).map((ear) => ({
      name: `${ear.userId} of ${talk.userId}`,
      next: talk.next,
      heard: Effect.map(ear.heard(talk.userId), (packets) => packets.filter(ofConversation))
    }))
  )
  // the message that says whose audio it is, sent over TCP, has to have arrived
  for (const { heard, name } of pairs) {
    yield* until(Effect.map(heard, (packets) => assert.isNotEmpty(packets, name)))
  }
  const marks = pairs.map(({ next }) => next())
  for (const [which, { heard, name }] of pairs.entries()) {
    const from = marks[which] ?? 0
    yield* until(Effect.map(heard, (packets) => {
      const numbers = packets.map(numberOf).filter((number) => number >= from).slice(0, enough)
      assert.deepStrictEqual(numbers, Array.from({ length: enough }, (_, i) => from + i), name)
    }))
    const packets = yield* heard
    const numbers = packets.map(numberOf)
    const changed = packets.filter((packet) => Buffer.compare(packet, packetOf(numberOf(packet))) !== 0)
    assert.deepStrictEqual(changed, [], name)
    assert.deepStrictEqual(numbers.filter((number, i) => number <= (numbers[i - 1] ?? -1)), [], name)
  }
})

/**
 * A guest and the client talk to each other; our client joins, another member joins and leaves, our client leaves, and
 * all of it happens again.
 */
export const othersComeAndGo = Effect.fnUntraced(
  function*(script: Foreign.Script, _on: Where = discord) {
    const discord = yield* Emulator.Emulator
    const guest = yield* discord.join({ user: "guest", channel: "secure" })
    const client = yield* Trial.start(script, { e2ee: true })
    yield* client.join("secure")
    yield* client.listen(guest.userId)
    const talk = conversation()
    const theirs = [yield* talk.client(client), yield* talk.guest(guest)]

    const together = Effect.gen(function*() {
      const us = yield* Trial.ours("secure")
      yield* client.listen(us.userId)
      yield* agreed("secure", client, [guest], us)
      const talks = [...theirs, yield* talk.us(us)]
      const ears = [earOf(client), earOfGuest(guest), earOf(us)]
      yield* everyoneHears(ears, talks)
      yield* Effect.scoped(Effect.gen(function*() {
        const newcomer = yield* discord.join({ user: "newcomer", channel: "secure" })
        yield* client.listen(newcomer.userId)
        yield* agreed("secure", client, [guest, newcomer], us)
        yield* everyoneHears([...ears, earOfGuest(newcomer)], [...talks, yield* talk.guest(newcomer)])
      }))
      yield* agreed("secure", client, [guest], us)
      yield* everyoneHears(ears, talks)
    }).pipe(Effect.scoped)

    yield* together
    yield* agreed("secure", client, [guest])
    yield* everyoneHears([earOf(client), earOfGuest(guest)], theirs)
    yield* together
    yield* Trial.blameless
  },
  Effect.provide(Trial.us),
  Effect.scoped,
  on
)

/** The codes that the client shows are those of the others, and a newcomer changes the code of everyone. */
export const showsCodes = Effect.fnUntraced(
  function*(script: Foreign.Script, _on: Where = discord) {
    const discord = yield* Emulator.Emulator
    const guest = yield* discord.join({ user: "guest", channel: "secure" })
    const us = yield* Trial.ours("secure")
    const client = yield* Trial.start(script, { e2ee: true })
    yield* client.join("secure")
    yield* agreed("secure", client, [guest], us)
    const before = yield* client.privacyCode
    const newcomer = yield* discord.join({ user: "newcomer", channel: "secure" })
    yield* agreed("secure", client, [guest, newcomer], us)
    assert.notStrictEqual(yield* client.privacyCode, before)
    yield* verified(client, [guest, newcomer], us)
    yield* Trial.blameless
  },
  Effect.provide(Trial.us),
  Effect.scoped,
  on
)

/**
 * The Welcome is late, and the client plays before it arrives. What it sends in the clear passes the server, but no
 * listener accepts it; later the client is heard.
 */
export const speaksTooEarly = Effect.fnUntraced(
  function*(script: Foreign.Script, _on: Where = discord) {
    const discord = yield* Emulator.Emulator
    const guest = yield* discord.join({ user: "guest", channel: "secure" })
    const us = yield* Trial.ours("secure")
    const client = yield* Trial.start(script, { e2ee: true })
    yield* discord.faults.when({ point: "voice-out", user: "bot", op: 30 }, { delayMs: 5_000 })
    yield* client.join("secure")
    yield* client.play(Rig.frames(20, 1))
    assert.notMatch(String(yield* client.privacyCode), /\d/)
    assert.isAbove((yield* guest.undecryptable).get("unencrypted") ?? 0, 0)
    assert.isAbove((yield* us.session.statistics).unencrypted, 0)
    yield* agreed("secure", client, [guest], us)
    yield* Trial.speaks(client, guest, 2, us)
    assert.isEmpty(Trial.ofSpeech(us.heard(client.userId), 1))
  },
  Effect.provide(Trial.us),
  Effect.scoped,
  on
)

/** Waits until a channel is unencrypted, and our client knows it. */
const plain = Effect.fnUntraced(function*(channel: string, us: Trial.Ours) {
  const discord = yield* Emulator.Emulator
  const channelId = yield* Effect.orDie(discord.channel(channel))
  yield* until(Effect.gen(function*() {
    const group = (yield* discord.snapshot).daveGroups.find((one) => one.channelId === channelId)
    assert.deepStrictEqual([group?.version, group?.transitions], [0, []])
    assert.deepStrictEqual(yield* us.session.e2ee, { version: 0, transitioning: false })
  }))
})

/** A member who cannot encrypt joins and leaves: the call becomes unencrypted, and encrypted again afterward. */
export const goesWithout = Effect.fnUntraced(
  function*(script: Foreign.Script, _on: Where = discord) {
    const discord = yield* Emulator.Emulator
    const guest = yield* discord.join({ user: "guest", channel: "lobby" })
    const us = yield* Trial.ours("lobby")
    const client = yield* Trial.start(script, { e2ee: true })
    yield* client.join("lobby")
    for (const { userId } of [guest, us]) yield* client.listen(userId)
    yield* agreed("lobby", client, [guest], us)
    yield* Trial.speaks(client, guest, 1, us)
    yield* Trial.listens(client, guest, 2, us)

    yield* Effect.scoped(Effect.gen(function*() {
      const old = yield* discord.join({ user: "old", channel: "lobby", e2ee: false })
      yield* client.listen(old.userId)
      yield* plain("lobby", us)
      // nothing shows when the client, too, has executed the transition
      const heard = Effect.map(old.heard, (all) => all.filter(({ userId }) => userId === client.userId))
      while ((yield* heard).every(({ silence }) => silence)) yield* client.play(Rig.frames(5, 53))
      yield* Trial.speaks(client, old, 3, us)
      yield* Trial.listens(client, old, 4, us)
      yield* Trial.listens(client, guest, 5)
      assert.isTrue((yield* heard).every(({ encrypted }) => !encrypted))
    }))

    yield* agreed("lobby", client, [guest], us)
    const before = (yield* guest.heard).length
    yield* Trial.speaks(client, guest, 6, us)
    yield* Trial.listens(client, guest, 7, us)
    assert.isTrue((yield* guest.heard).slice(before).every(({ encrypted, silence }) => encrypted !== silence))
    yield* Trial.blameless
  },
  Effect.provide(Trial.us),
  Effect.scoped,
  on
)

/** The client cannot encrypt: while it is there, nobody does. */
export const makesPlain = Effect.fnUntraced(
  function*(script: Foreign.Script, _on: Where = discord) {
    const discord = yield* Emulator.Emulator
    const guest = yield* discord.join({ user: "guest", channel: "lobby" })
    const us = yield* Trial.ours("lobby")
    const together = until(Effect.gen(function*() {
      const theirs = yield* guest.e2ee
      const { membership, transitioning } = yield* us.session.e2ee
      assert.isFalse(transitioning)
      assert.match(membership?.privacyCode ?? "", /^\d{30}$/)
      assert.strictEqual(theirs?.privacyCode, membership?.privacyCode)
    }))
    yield* together
    const client = yield* Trial.start(script)
    yield* client.join("lobby")
    for (const { userId } of [guest, us]) yield* client.listen(userId)
    yield* plain("lobby", us)
    yield* Trial.speaks(client, guest, 1, us)
    yield* Trial.listens(client, guest, 2, us)
    yield* client.leave
    yield* Trial.gone(client)
    yield* together
    yield* Trial.blameless
  },
  Effect.provide(Trial.us),
  Effect.scoped,
  on
)
