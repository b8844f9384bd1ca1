/**
 * Files as unmodified libraries send them, each over its own REST. The forms of eris and dysnomia begin with a line
 * break.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Dysnomia from "@projectdysnomia/dysnomia"
import { Effect, Redacted } from "effect"
import * as Eris from "eris"
import { Agent } from "node:https"
import * as Emulator from "../../src/emulator/Emulator.ts"

const [cover, lyrics] = [Buffer.of(0x89, 0x50, 0x0d, 0x0a, 0x2d, 0x2d, 0xff), Buffer.from("la la")]

/** Where the bot writes, and its token. */
const place = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const { token } = yield* discord.user("bot")
  return { discord, channel: yield* discord.channel("lobby"), token: `Bot ${Redacted.value(token)}` }
})

/** The messages in the channel, with the bytes that are served for their files. */
const seen = Effect.gen(function*() {
  const discord = yield* Emulator.Emulator
  const messages = yield* (yield* discord.chat()).messages
  return yield* Effect.forEach(messages, ({ attachments, content }) =>
    Effect.map(
      Effect.forEach(attachments, ({ description, name, url }) =>
        Effect.promise(async () => {
          const bytes = await (await discord.fetch(url)).arrayBuffer()
          return [name, description, Buffer.from(bytes)]
        })),
      (files) => ({ content, files })
    ))
})

describe("files sent by libraries", () => {
  it.live("arrive from dysnomia, with their descriptions", () =>
    Effect.gen(function*() {
      const { channel, discord, token } = yield* place
      const rest = new URL(discord.urls.rest)
      const client = new Dysnomia.Client(token, {
        gateway: { intents: [] },
        rest: { domain: rest.hostname, port: Number(rest.port), baseURL: rest.pathname, https: false }
      })
      yield* Effect.promise(() =>
        client.createMessage(channel, {
          content: "ä",
          attachments: [
            { file: cover, filename: "cover.png", description: "the cover" },
            { file: lyrics, filename: "lyrics.txt" }
          ]
        })
      )
      assert.deepStrictEqual(yield* seen, [{
        content: "ä",
        files: [["cover.png", "the cover", cover], ["lyrics.txt", undefined, lyrics]]
      }])
    }).pipe(Effect.provide(Emulator.layer())))

  it.live("arrive from eris: one, or several", () =>
    Effect.gen(function*() {
      const { channel, discord, token } = yield* place
      const { hostname, port } = new URL(discord.urls.rest)
      // it knows no port other than 443; the agent carries ours
      const agent = Object.assign(new Agent({ ca: discord.urls.cert }), { defaultPort: Number(port) })
      const client = new Eris.Client(token, { intents: [], rest: { domain: hostname, agent } })
      const [one, other] = [{ file: cover, name: "cover.png" }, { file: lyrics, name: "lyrics.txt" }]
      yield* Effect.promise(() => client.createMessage(channel, "one", one))
      yield* Effect.promise(() => client.createMessage(channel, "both", [one, other]))
      const files = [["cover.png", undefined, cover], ["lyrics.txt", undefined, lyrics]]
      assert.deepStrictEqual(yield* seen, [{ content: "one", files: files.slice(0, 1) }, { content: "both", files }])
    }).pipe(Effect.provide(Emulator.layer({ tls: true }))))
})
