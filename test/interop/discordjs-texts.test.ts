import { assert, describe, it } from "@effect/vitest"
import {
  ActionRowBuilder,
  AttachmentBuilder,
  ButtonBuilder,
  ButtonStyle,
  ChannelType,
  DiscordAPIError,
  EmbedBuilder,
  Events,
  GatewayIntentBits,
  type Message,
  Partials
} from "discord.js"
import { Effect } from "effect"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as DiscordJs from "./discordjsClient.ts"

const intents = [GatewayIntentBits.GuildMessages, GatewayIntentBits.MessageContent]

/**
 * An unmodified discord.js bot that reacts to each message of a user. It reports failures in the channel where it was
 * asked.
 */
const bot = Effect.fnUntraced(function*(
  answer: (message: Message<true>) => Promise<unknown>,
  more: ReadonlyArray<GatewayIntentBits> = []
) {
  const client = yield* DiscordJs.client((client) => {
    client.on(Events.MessageCreate, (message) => {
      if (message.author.bot || !message.inGuild()) return
      answer(message).catch((error: unknown) => message.channel.send(`It failed: ${error}`))
    })
  }, [...intents, ...more])
  return client
})

type Json = { readonly [key: string]: unknown }

const png = Uint8Array.of(0x89, 0x50, 0x4e, 0xff)

/** The emulator with the text channel "music". */
const withText = (moderator = false) =>
  Emulator.layer({
    world: { channels: [{ name: "music", kind: "text" }], users: [{ name: "bot", bot: true, moderator }] }
  })

describe("a bot on discord.js in text channels", () => {
  it.live("finds text channels, and replies in them", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const client = yield* bot((message) => {
        assert.strictEqual(message.channel.type, ChannelType.GuildText)
        assert.isTrue(message.channel.isSendable() && !message.channel.isVoiceBased())
        return message.reply(`Playing in ${message.channel.name}`)
      })
      const id = yield* discord.channel("music")
      const found = client.guilds.cache.first()?.channels.cache.find(({ type }) => type === ChannelType.GuildText)
      assert.strictEqual(found?.id, id)
      const fetched = yield* Effect.promise(() => client.channels.fetch(id, { force: true }))
      assert.strictEqual(fetched?.type, ChannelType.GuildText)
      const all = yield* Effect.promise(async () => client.guilds.cache.first()?.channels.fetch())
      assert.deepStrictEqual(all?.map((channel) => channel?.name), ["lobby", "secure", "stage", "music"])
      const chat = yield* discord.chat("music")
      const { id: asked } = yield* chat.write("!play song")
      const reply = yield* chat.until((messages) => messages.find(({ user }) => user === "bot"))
      assert.deepInclude(reply, { content: "Playing in music", replyTo: asked })
      assert.deepStrictEqual(yield* discord.violations, [])
    }).pipe(Effect.scoped, Effect.provide(withText())))

  it.live("sets nicknames, its own and as a moderator those of others, and receives the updates", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      yield* bot(async (message) => {
        const heard: Array<string> = []
        message.client.on(Events.GuildMemberUpdate, (_, member) => {
          heard.push(`${member.user.username} ${member.nickname}`)
          if (heard.length === 3) void message.reply(heard.join(", "))
        })
        assert.strictEqual((await message.guild.members.me?.setNickname("DJ"))?.nickname, "DJ")
        assert.strictEqual((await message.member?.setNickname("Listener"))?.nickname, "Listener")
        assert.isNull((await message.member?.setNickname(null))?.nickname)
      }, [GatewayIntentBits.GuildMembers])
      const chat = yield* discord.chat("music")
      yield* chat.write("!nick", { user: "somebody" })
      const reply = yield* chat.until((messages) => messages.find(({ user }) => user === "bot"))
      assert.strictEqual(reply.content, "bot DJ, somebody Listener, somebody null")
    }).pipe(Effect.scoped, Effect.provide(withText(true))))

  it.live("offers reactions as controls, clears them, and pins what is playing", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const client = yield* bot(async (message) => {
        const panel = await message.channel.send("Now playing")
        await panel.pin()
        await panel.react("⏭")
      }, [GatewayIntentBits.GuildMessageReactions])
      client.on(Events.MessageReactionAdd, (reaction, user) => {
        if (user.bot) return
        const answer = async () => {
          const users = await reaction.users.fetch()
          await reaction.users.remove(user.id)
          await reaction.message.react("✅")
          await reaction.message.reactions.cache.get("⏭")?.remove()
          await reaction.message.reactions.removeAll()
          const { items } = await reaction.message.channel.messages.fetchPins()
          const old = await reaction.message.channel.messages.fetchPinned()
          await reaction.message.unpin()
          await reaction.message.edit(
            `Skipped by ${users.map(({ username }) => username).join()}: ${items.length} ${old.size}`
          )
        }
        answer().catch((error: unknown) => reaction.message.edit(`It failed: ${error}`))
      })
      const chat = yield* discord.chat("music")
      yield* chat.write("!panel")
      const { id, pinned } = yield* chat.until((messages) => messages.find(({ reactions }) => reactions.includes("⏭")))
      assert.isTrue(pinned)
      yield* chat.react(id, "⏭", { user: "somebody" })
      const panel = yield* chat.until((messages) => messages.find(({ edited }) => edited))
      assert.deepInclude(panel, { content: "Skipped by bot,somebody: 1 1", reactions: [], pinned: false })
      assert.strictEqual((yield* Effect.flip(chat.react("1", "⏭"))).reason._tag, "MessageFailed")
      assert.deepStrictEqual(yield* discord.violations, [])
    }).pipe(Effect.scoped, Effect.provide(withText(true))))

  it.live("sends cover art and lyrics, and reads files that people send", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      yield* bot(async (message) => {
        const [sent] = message.attachments.values()
        const received = sent === undefined ? "nothing" : await (await fetch(sent.url)).text()
        const cover = new AttachmentBuilder(Buffer.from(png), { name: "cover.png", description: "the cover" })
        const embed = new EmbedBuilder().setTitle(sent?.name ?? "none").setThumbnail("attachment://cover.png")
        const reply = await message.reply({ embeds: [embed], files: [cover] })
        assert.strictEqual(reply.attachments.size, 0)
        const bytes = await (await fetch(reply.embeds[0]?.thumbnail?.url ?? "")).arrayBuffer()
        assert.deepStrictEqual(new Uint8Array(bytes), png)
        const lyrics = await message.channel.send({ files: [{ attachment: Buffer.from("la la"), name: "lyrics.txt" }] })
        await lyrics.edit({ content: received, attachments: [...lyrics.attachments.values()] })
      })
      const chat = yield* discord.chat("music")
      yield* chat.write("!play this", { files: [{ name: "song.mp3", data: Buffer.from("a song") }] })
      const lyrics = yield* chat.until((messages) => messages.find(({ edited }) => edited))
      assert.deepInclude(lyrics, { user: "bot", content: "a song" })
      const read = (url: string | undefined) =>
        Effect.promise(async () => new Uint8Array(await (await discord.fetch(url ?? "")).arrayBuffer()))
      assert.deepStrictEqual(yield* read(lyrics.attachments[0]?.url), new Uint8Array(Buffer.from("la la")))
      const [, reply] = yield* chat.messages
      const [cover] = reply?.attachments ?? []
      assert.deepInclude(cover, { name: "cover.png", description: "the cover", contentType: "image/png", size: 4 })
      assert.deepStrictEqual(reply?.embeds.map((embed) => (embed as Json)["thumbnail"]), [{ url: cover?.url }])
      assert.deepStrictEqual(yield* read(cover?.url), png)
      assert.deepStrictEqual(yield* discord.violations, [])
    }).pipe(Effect.scoped, Effect.provide(withText())))

  it.live("sends direct messages, and reads the answers", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const stop = new ButtonBuilder().setCustomId("stop").setLabel("Stop").setStyle(ButtonStyle.Primary)
      const row = new ActionRowBuilder<ButtonBuilder>().addComponents(stop)
      yield* DiscordJs.client((client) => {
        const answer = async (message: Message) => {
          if (message.author.bot) return
          if (message.inGuild()) return message.author.send("What shall I play?")
          assert.strictEqual(message.channel.type, ChannelType.DM)
          assert.isNull(message.guild)
          const { attachments, author, content } = message
          return author.send({ content: `Playing ${content} ${attachments.size}`, components: [row] })
        }
        client.on(Events.MessageCreate, (message) => {
          answer(message).catch((error: unknown) => message.author.send(`It failed: ${error}`))
        })
        client.on(Events.InteractionCreate, (interaction) => {
          if (!interaction.isButton()) return
          interaction.update({ content: `Stopped by ${interaction.user.username}`, components: [] })
            .catch((error: unknown) => interaction.user.send(`It failed: ${error}`))
        })
      }, [...intents, GatewayIntentBits.DirectMessages])
      yield* (yield* discord.chat("music")).write("!dm", { user: "somebody" })
      const direct = yield* discord.direct({ user: "somebody" })
      const first = yield* direct.until(([message]) => message)
      assert.deepInclude(first, { user: "bot", content: "What shall I play?" })
      yield* direct.write("this", { files: [{ name: "song.mp3", data: png }] })
      yield* direct.until((messages) => messages.find(({ content }) => content === "Playing this 1"))
      yield* direct.press("stop")
      yield* direct.until((messages) => messages.find(({ content }) => content === "Stopped by somebody"))
      assert.deepStrictEqual((yield* direct.messages).map(({ user }) => user), ["bot", "somebody", "bot"])
      assert.include(
        (yield* Effect.flip(discord.direct({ user: "bot" }))).message,
        "a user cannot write direct messages to itself"
      )
      assert.strictEqual((yield* Effect.flip(discord.direct({ bot: "nobody" }))).reason._tag, "UnknownName")
      assert.deepStrictEqual(yield* discord.violations, [])
    }).pipe(Effect.scoped, Effect.provide(withText())))

  it.live("receives a direct message from a user who writes first", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      yield* DiscordJs.client(
        (client) => {
          client.on(Events.MessageCreate, (message) => {
            if (!message.author.bot) void message.reply(`Hello, ${message.author.username}`)
          })
        },
        [GatewayIntentBits.DirectMessages],
        [Partials.Channel]
      )
      const direct = yield* discord.direct({ user: "stranger" })
      const { id } = yield* direct.write("hello")
      const reply = yield* direct.until(([, message]) => message)
      assert.deepInclude(reply, { user: "bot", content: "Hello, stranger", replyTo: id })
      assert.deepStrictEqual(yield* (yield* discord.direct()).messages, [])
    }).pipe(Effect.scoped, Effect.provide(withText())))

  it.live("edits its messages, with an edit time, but not to an empty one", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      yield* bot(async (message) => {
        const reply = await message.reply("Looking")
        assert.isNull(reply.editedTimestamp)
        const before = Date.now()
        const edited = await reply.edit("Found")
        assert.isAtLeast(edited.editedTimestamp ?? 0, reply.createdTimestamp)
        assert.closeTo(edited.editedTimestamp ?? 0, before, 60_000)
        const refused = await reply.edit("").catch((error: unknown) => error)
        await message.channel.send(refused instanceof DiscordAPIError ? String(refused.code) : "taken")
      })
      const chat = yield* discord.chat("music")
      yield* chat.write("!play song")
      const messages = yield* chat.until((messages) => messages.length === 3 ? messages : undefined)
      assert.deepStrictEqual(messages.map(({ content, edited }) => [content, edited]), [
        ["!play song", false],
        ["Found", true],
        ["50006", false]
      ])
    }).pipe(Effect.scoped, Effect.provide(withText())))
})
