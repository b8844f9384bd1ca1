import { assert } from "@effect/vitest"
import { Effect, Fiber, Redacted } from "effect"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as Foreign from "./ForeignClient.ts"

/** Logs in, joins, discovers the address and selects a mode. */
export const enter = Effect.fnUntraced(function*(wire: Foreign.Wire) {
  const discord = yield* Emulator.Emulator
  const guild = yield* discord.guild("guild")
  const channel = yield* discord.channel("lobby")
  const bot = yield* discord.user("bot")
  const main = yield* Foreign.login(wire, discord.urls.gateway, Redacted.value(bot.token))
  assert.strictEqual(main.userId, bot.id)
  assert.strictEqual(main.resumeUrl, discord.urls.gateway)
  const server = yield* Foreign.ask(main, guild, channel)
  assert.include(discord.urls.voice.map(({ endpoint }) => endpoint), server.endpoint)
  const voice = yield* Foreign.joinVoice(wire, main, guild, channel, server)
  assert.deepStrictEqual(voice.discovered, voice.local)
  return { discord, guild, channel, bot, main, server, voice }
})

/** Enters as with {@link enter} next to a scripted participant, hears it and is heard by it. */
export const foreignVisit = Effect.fnUntraced(function*(wire: Foreign.Wire) {
  const guest = yield* Emulator.Emulator.use((discord) => discord.join({ user: "guest", channel: "lobby" }))
  const { bot, channel, discord, guild, main, server, voice } = yield* enter(wire)

  const frames = Foreign.opus(10)
  const speaking = yield* Effect.forkChild(guest.speak(frames), { startImmediately: true })
  const said = yield* Foreign.expect(voice.socket, "Speaking", ({ d, op }) => op === 5 && d.user_id === guest.userId)
  assert.strictEqual(said.d.ssrc, yield* guest.ssrc)
  const heard: Array<Foreign.Heard> = []
  for (const _ of frames) heard.push(yield* voice.hear)
  assert.deepStrictEqual(heard.map(({ payload }) => payload), frames.map(({ data }) => data))
  assert.isTrue(heard.every(({ ssrc }) => ssrc === said.d.ssrc))
  yield* Fiber.join(speaking)

  const silence = Uint8Array.of(0xf8, 0xff, 0xfe)
  for (const payload of [...frames.map(({ data }) => data), silence, silence, silence, silence, silence]) {
    voice.speak(payload)
    yield* Effect.sleep("20 millis")
  }
  const received = yield* guest.awaitFrames(10)
  assert.deepStrictEqual(received.map(({ payload }) => payload), frames.map(({ data }) => data))
  assert.isTrue(received.every(({ ssrc, userId }) => ssrc === voice.ssrc && userId === bot.id))

  assert.deepStrictEqual((yield* discord.violations).filter(({ userId }) => userId === bot.id), [])
  return { discord, guild, channel, guest, main, server, voice, heard, received }
})
