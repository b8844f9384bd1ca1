import { assert, describe, it } from "@effect/vitest"
import {
  ActionRowBuilder,
  ApplicationCommandType,
  ButtonBuilder,
  ButtonStyle,
  type ChatInputCommandInteraction,
  Events,
  GatewayIntentBits,
  type Message,
  MessageFlags,
  ModalBuilder,
  SnowflakeUtil,
  TextInputBuilder,
  TextInputStyle
} from "discord.js"
import { Effect, Layer } from "effect"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as Gateway from "../../src/Gateway.ts"
import * as Voice from "../../src/Voice.ts"
import * as VoiceSession from "../../src/VoiceSession.ts"
import * as Rig from "../integration/rig.ts"
import * as DiscordJs from "./discordjsClient.ts"

/** Failures of a handler are collected for the test. */
type Handler = (interaction: ChatInputCommandInteraction) => Promise<unknown>

/** An unmodified discord.js bot with registered commands. */
const bot = Effect.fnUntraced(function*(handlers: { readonly [name: string]: Handler }) {
  const failures: Array<unknown> = []
  const failed = (error: unknown) => void failures.push(error)
  const client = yield* DiscordJs.client((client) => {
    client.on(Events.InteractionCreate, (interaction) => {
      if (interaction.isAutocomplete()) {
        const { name, value } = interaction.options.getFocused(true)
        interaction.respond([{ name: `${name}: ${value}`, value: `${value}!` }]).catch(failed)
      } else if (interaction.isModalSubmit()) {
        interaction.reply(`${interaction.customId}: ${interaction.fields.getTextInputValue("why")}`).catch(failed)
      } else if (interaction.isChatInputCommand()) handlers[interaction.commandName]?.(interaction).catch(failed)
      else if (interaction.isButton()) {
        interaction.update({ content: `${interaction.customId}d`, components: [] }).catch(failed)
      }
    })
  })
  yield* Effect.promise(async () =>
    client.application?.commands.set([
      { name: "join", description: "joins", options: [{ type: 7, name: "where", description: "it", required: true }] },
      { name: "slow", description: "takes its time" },
      {
        name: "file",
        description: "plays a file",
        options: [{ type: 11, name: "song", description: "it", required: true }]
      },
      { name: "say", description: "says", options: [{ type: 3, name: "what", description: "it", required: true }] },
      { name: "mute", description: "says nothing" },
      { name: "leave", description: "asks why" },
      {
        name: "play",
        description: "plays",
        options: [{ type: 3, name: "song", description: "it", required: true, autocomplete: true }]
      }
    ])
  )
  return { client, failures }
})

describe("a bot on discord.js with slash commands", () => {
  it.live(
    "reads messages, replies, edits its replies, reacts, and adds buttons to its messages",
    () =>
      Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        const failures: Array<unknown> = []
        const failed = (error: unknown) => void failures.push(error)
        const skip = new ButtonBuilder().setCustomId("skip").setLabel("Skip").setStyle(ButtonStyle.Primary)
        const row = new ActionRowBuilder<ButtonBuilder>().addComponents(skip)
        const play = async (message: Message) => {
          if (message.author.bot || !message.content.startsWith("!play ") || !message.channel.isSendable()) return
          await message.react("👍")
          await message.channel.sendTyping()
          const reply = await message.reply("Looking for it")
          await reply.edit(`Playing ${message.content.slice(6)}`)
          await message.channel.send({ content: "Now playing", components: [row] })
        }
        yield* DiscordJs.client((client) => {
          client.on(Events.MessageCreate, (message) => void play(message).catch(failed))
          client.on(Events.InteractionCreate, (interaction) => {
            if (interaction.isButton()) interaction.deferUpdate().then(() => interaction.deleteReply()).catch(failed)
          })
        }, [GatewayIntentBits.GuildMessages, GatewayIntentBits.MessageContent])

        const chat = yield* discord.chat("lobby")
        const { id } = yield* chat.write("!play song", { user: "somebody" })
        const reply = yield* chat.until((messages) => messages.find(({ edited }) => edited))
        assert.deepInclude(reply, { user: "bot", content: "Playing song", replyTo: id })
        // bots ask how old a message is, and bulk-delete messages younger than two weeks
        assert.closeTo(SnowflakeUtil.timestampFrom(id), Date.now(), 3_600_000)
        assert.deepStrictEqual((yield* chat.messages)[0]?.reactions, ["👍"])
        yield* chat.until((messages) => messages.find(({ content }) => content === "Now playing"))
        yield* chat.press("skip")
        yield* chat.until((messages) => messages.some(({ content }) => content === "Now playing") ? undefined : true)
        assert.deepStrictEqual(failures, [])
        assert.deepStrictEqual(yield* discord.violations, [])
      }).pipe(Effect.scoped, Effect.provide(Emulator.layer()))
  )

  it.live("offers commands in the context menus of users and messages", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const failures: Array<unknown> = []
      const client = yield* DiscordJs.client((client) => {
        client.on(Events.InteractionCreate, (interaction) => {
          const answer = interaction.isUserContextMenuCommand()
            ? interaction.reply(`Hello, ${interaction.targetUser.username}`)
            : interaction.isMessageContextMenuCommand()
            ? interaction.reply({
              content: `Queued ${interaction.targetMessage.content} of ${interaction.targetMessage.author.username}`,
              flags: MessageFlags.Ephemeral
            })
            : Promise.reject(new Error(`unexpected: ${interaction.type}`))
          answer.catch((error: unknown) => void failures.push(error))
        })
      })
      yield* Effect.promise(async () =>
        client.application?.commands.set([
          { name: "Greet", type: ApplicationCommandType.User },
          { name: "Queue this", type: ApplicationCommandType.Message }
        ])
      )
      const chat = yield* discord.chat()
      const { id } = yield* chat.write("a song", { user: "friend" })
      const greet = yield* discord.menu({ name: "Greet", on: { user: "friend" } })
      assert.strictEqual((yield* greet.reply).content, "Hello, friend")
      const queue = yield* discord.menu({ name: "Queue this", on: { message: id }, user: "somebody" })
      assert.deepInclude(yield* queue.reply, { content: "Queued a song of friend", ephemeral: true })
      const unknown = yield* Effect.flip(discord.menu({ name: "Greet", on: { message: id } }))
      assert.include(unknown.message, "not registered such a command")
      const nobody = yield* Effect.flip(discord.menu({ name: "Greet", on: { user: "nobody" } }))
      assert.strictEqual(nobody.reason._tag, "UnknownName")
      assert.deepStrictEqual(failures, [])
      assert.deepStrictEqual(yield* discord.violations, [])
    }).pipe(Effect.scoped, Effect.provide(Emulator.layer())))

  it.live("receives files, is refused what Discord would not accept, and posts a poll", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const { failures } = yield* bot({
        file: async (interaction) => {
          const { contentType, name, size, url } = interaction.options.getAttachment("song", true)
          const text = await (await fetch(url)).text()
          await interaction.reply(`${name} ${contentType} ${size} ${text}`)
          const long = interaction.followUp({ embeds: [{ title: "x".repeat(257) }] })
          await interaction.followUp(await long.then(() => "taken", (error: unknown) => String(error)))
          const poll = {
            question: { text: "Again?" },
            answers: [{ text: "Yes" }],
            duration: 1,
            allowMultiselect: false
          }
          const asked = await interaction.followUp({ poll })
          await interaction.followUp(`${asked.poll?.question.text} ${asked.poll?.answers.first()?.text}`)
        }
      })
      const song = { name: "song.txt", data: new TextEncoder().encode("la la") }
      const command = yield* discord.command({ name: "file", options: { song } })
      const replies = yield* command.until((all) => all.length === 4 ? all : undefined, { timeout: "60 seconds" })
      assert.deepStrictEqual(replies.map(({ content }) => content), [
        "song.txt text/plain; charset=utf-8 5 la la",
        "DiscordAPIError[50035]: Invalid Form Body\n" +
        "embeds[0].title[BASE_TYPE_MAX_LENGTH]: Must be 256 or fewer in length.",
        "",
        "Again? Yes"
      ])
      assert.deepNestedInclude(replies[2], { "poll.question.text": "Again?" })
      assert.deepStrictEqual(failures, [])
      assert.deepStrictEqual(yield* discord.violations, [])
    }).pipe(Effect.scoped, Effect.provide(Emulator.layer())))

  it.live("suggests values while somebody types, and asks in a form", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const { failures } = yield* bot({
        leave: (interaction) => {
          const why = new TextInputBuilder().setCustomId("why").setLabel("Why?").setStyle(TextInputStyle.Short)
          const row = new ActionRowBuilder<TextInputBuilder>().addComponents(why)
          return interaction.showModal(new ModalBuilder().setCustomId("because").setTitle("Leaving").addComponents(row))
        }
      })
      assert.deepStrictEqual(yield* discord.suggest({ name: "play", focused: "song", options: { song: "ne" } }), [
        { name: "song: ne", value: "ne!" }
      ])
      const leave = yield* discord.command({ name: "leave" })
      assert.deepInclude(yield* leave.modal, { customId: "because", title: "Leaving" })
      const sent = yield* leave.submit({ why: "late" })
      assert.strictEqual((yield* sent.reply).content, "because: late")
      assert.deepStrictEqual(failures, [])
    }).pipe(Effect.scoped, Effect.provide(Emulator.layer())))

  it.live(
    "answers commands at once or later, offers buttons, and joins the channel that it is given",
    () =>
      Effect.gen(function*() {
        const discord = yield* Emulator.Emulator
        const joins: Array<string> = []
        const { client, failures } = yield* bot({
          join: async (interaction) => {
            const where = interaction.options.getChannel("where", true)
            joins.push(where.id)
            await interaction.reply({ content: `Joining ${where.name}`, flags: MessageFlags.Ephemeral })
            await interaction.followUp("Joined")
          },
          slow: async (interaction) => {
            await interaction.deferReply()
            await interaction.editReply("Done")
          },
          say: async (interaction) => {
            const pause = new ButtonBuilder().setCustomId("pause").setLabel("Pause").setStyle(ButtonStyle.Primary)
            const response = await interaction.reply({
              content: interaction.options.getString("what", true),
              components: [new ActionRowBuilder<ButtonBuilder>().addComponents(pause)],
              withResponse: true
            })
            assert.strictEqual(response.resource?.message?.content, "hello")
          },
          mute: () => Promise.resolve()
        })
        const channelId = yield* discord.channel("lobby")

        const join = yield* discord.command({ name: "join", options: { where: channelId } })
        assert.deepInclude(yield* join.reply, { content: "Joining lobby", ephemeral: true })
        assert.strictEqual(yield* join.until((replies) => replies[1]?.content), "Joined")
        assert.deepStrictEqual(joins, [channelId])
        const host = Layer.merge(
          Gateway.layerAdapter((guildId) => client.guilds.cache.get(guildId)?.voiceAdapterCreator),
          Voice.layer
        )
        yield* VoiceSession.join({ guildId: yield* discord.guild("guild"), channelId }).pipe(
          Effect.scoped,
          Effect.provide(host)
        )

        const slow = yield* discord.command({ name: "slow", user: "somebody" })
        assert.deepInclude(yield* slow.reply, { content: "Done", ephemeral: false })

        const say = yield* discord.command({ name: "say", options: { what: "hello" } })
        assert.deepInclude(yield* say.reply, { content: "hello" })
        const press = yield* say.press("pause")
        assert.strictEqual(yield* say.until(([reply]) => reply?.edited === true ? reply.content : undefined), "paused")
        assert.deepStrictEqual(yield* press.replies, [])
        assert.strictEqual((yield* Effect.flip(say.press("pause"))).reason._tag, "CommandFailed")

        const missing = yield* Effect.flip(discord.command({ name: "say" }))
        assert.include(missing.message, "its option \"what\" is missing")
        const silent = yield* discord.command({ name: "mute" })
        assert.include((yield* Effect.flip(silent.reply)).message, "did not answer within three seconds")
        assert.deepStrictEqual(failures, [])
        assert.deepStrictEqual(yield* discord.violations, [])
        yield* Rig.settled(Rig.left)
      }).pipe(Effect.scoped, Effect.provide(Emulator.layer()))
  )
})
