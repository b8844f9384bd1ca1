import { assert, describe, it } from "@effect/vitest"
import {
  ActionRowBuilder,
  ButtonBuilder,
  ButtonStyle,
  ChannelType,
  Events,
  GatewayIntentBits,
  MessageFlags,
  WebhookClient
} from "discord.js"
import { Effect } from "effect"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as DiscordJs from "./discordjsClient.ts"

const world = Emulator.layer({
  world: { channels: [{ name: "music", kind: "text" }], users: [{ name: "bot", bot: true, moderator: true }] }
})

describe("a bot on discord.js with webhooks", () => {
  it.live("posts in a channel under other names, edits its messages and deletes them", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      let updates = 0
      const heard: Array<string> = []
      const client = yield* DiscordJs.client((client) => {
        client.on(Events.WebhooksUpdate, () => updates++)
        client.on(Events.MessageCreate, ({ author, content, webhookId }) => {
          heard.push(`${author.username}: ${content} ${webhookId}`)
        })
      }, [GatewayIntentBits.GuildMessages, GatewayIntentBits.MessageContent, GatewayIntentBits.GuildWebhooks])
      const channel = DiscordJs.textChannel(client)
      const hook = yield* Effect.promise(() => channel.createWebhook({ name: "radio" }))
      assert.strictEqual(hook.owner?.id, client.user?.id)
      yield* DiscordJs.seen(() => updates === 1 ? true : undefined)
      const stop = new ButtonBuilder().setCustomId("stop").setLabel("Stop").setStyle(ButtonStyle.Danger)
      const row = new ActionRowBuilder<ButtonBuilder>().addComponents(stop)
      client.on(Events.InteractionCreate, (interaction) => {
        if (interaction.isButton()) {
          void interaction.reply({ content: "Stopped", flags: MessageFlags.Ephemeral }).catch((error: unknown) =>
            heard.push(String(error))
          )
        }
      })
      const message = yield* Effect.promise(() =>
        hook.send({ content: "The news", username: "newsreader", components: [row] })
      )
      assert.deepStrictEqual([message.author.username, message.webhookId], ["newsreader", hook.id])
      yield* DiscordJs.seen(() => heard.find((one) => one === `newsreader: The news ${hook.id}`))
      const chat = yield* discord.chat("music")
      const [shown] = yield* chat.messages
      assert.deepInclude(shown, { user: "newsreader", content: "The news" })
      assert.strictEqual((yield* (yield* chat.press("stop")).reply).content, "Stopped")
      yield* Effect.promise(async () => {
        assert.strictEqual((await hook.editMessage(message, { content: "Old news" })).content, "Old news")
        assert.strictEqual((await hook.fetchMessage(message.id)).content, "Old news")
        const thread = await channel.threads.create({ name: "the log", type: ChannelType.PublicThread })
        const logged = await hook.send({ content: "logged", threadId: thread.id })
        assert.strictEqual(logged.channelId, thread.id)
        assert.strictEqual((await hook.edit({ name: "wireless" })).name, "wireless")
        assert.deepStrictEqual((await channel.fetchWebhooks()).map(({ name }) => name), ["wireless"])
        assert.deepStrictEqual((await channel.guild.fetchWebhooks()).map(({ id }) => id), [hook.id])
        await hook.deleteMessage(message)
        assert.strictEqual(await DiscordJs.codeOf(hook.fetchMessage(message.id)), 10008)
        assert.strictEqual(await DiscordJs.codeOf(hook.send("")), 50006)
        const rest = { api: discord.urls.rest.replace(/\/v\d+$/, ""), version: "10" }
        const outside = new WebhookClient({ id: hook.id, token: hook.token ?? "" }, { rest })
        await outside.send("from outside")
        const wrong = new WebhookClient({ id: hook.id, token: "x".repeat(68) }, { rest })
        assert.strictEqual(await DiscordJs.codeOf(wrong.send("from outside")), 50027)
        assert.strictEqual((await client.fetchWebhook(hook.id)).name, "wireless")
        await hook.delete()
        assert.strictEqual(await DiscordJs.codeOf(outside.send("from outside")), 10015)
        assert.strictEqual(await DiscordJs.codeOf(channel.createWebhook({ name: "clyde" })), 50035)
      })
      assert.deepStrictEqual(yield* discord.violations, [])
    }).pipe(Effect.scoped, Effect.provide(world)))
})
