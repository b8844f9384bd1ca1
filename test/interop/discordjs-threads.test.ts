import { assert, describe, it } from "@effect/vitest"
import {
  ChannelType,
  Events,
  GatewayIntentBits,
  MessageType,
  ThreadAutoArchiveDuration,
  type ThreadChannel
} from "discord.js"
import { Effect } from "effect"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as DiscordJs from "./discordjsClient.ts"

/** The emulator with the text channel "music". */
const withText = (moderator: boolean) =>
  Emulator.layer({
    world: { channels: [{ name: "music", kind: "text" }], users: [{ name: "bot", bot: true, moderator }] }
  })

describe("a bot on discord.js in threads", () => {
  it.live("logs to a thread that it started from a message, where people also write", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const events: Array<string> = []
      const client = yield* DiscordJs.client((client) => {
        client.on(Events.ThreadCreate, ({ name }, isNew) => events.push(`create ${name} ${isNew}`))
        client.on(Events.ThreadUpdate, (_, { archived, name }) => events.push(`update ${name} ${archived}`))
        client.on(Events.ThreadDelete, ({ name }) => events.push(`delete ${name}`))
        client.on(Events.MessageCreate, ({ author, channel, content, type }) => {
          if (channel.isThread()) events.push(`${author.username}: ${content} ${type}`)
        })
      }, [GatewayIntentBits.GuildMessages, GatewayIntentBits.MessageContent])
      const channel = DiscordJs.textChannel(client)
      const thread = yield* Effect.promise(async () => {
        const message = await channel.send("Now playing")
        const thread = await message.startThread({ name: "the log", autoArchiveDuration: 60 })
        assert.strictEqual(thread.id, message.id)
        assert.isTrue(message.hasThread)
        assert.strictEqual((await thread.fetchStarterMessage())?.id, message.id)
        await thread.send("It began")
        return thread
      })
      assert.deepStrictEqual([thread.type, thread.parentId], [ChannelType.PublicThread, channel.id])
      assert.strictEqual(thread.ownerId, client.user?.id)
      assert.isTrue(thread.joined)
      const chat = yield* discord.chat("the log")
      yield* chat.write("What a song!", { user: "somebody" })
      yield* DiscordJs.seen(() => events.find((event) => event.startsWith("somebody")))
      yield* Effect.promise(async () => {
        const members = await thread.members.fetch({ withMember: true })
        assert.sameMembers(members.map(({ guildMember }) => guildMember?.user.username), ["bot", "somebody"])
        const { threads } = await channel.threads.fetchActive()
        assert.deepStrictEqual(threads.map(({ id }) => id), [thread.id])
        await thread.setName("an old log")
        await thread.setArchived(true)
        assert.strictEqual((await channel.threads.fetchActive()).threads.size, 0)
        const old = await channel.threads.fetchArchived()
        assert.deepStrictEqual(old.threads.map(({ archived, name }) => [name, archived]), [["an old log", true]])
        await thread.send("once more")
        await thread.delete()
      })
      yield* DiscordJs.seen(() => events.find((event) => event.startsWith("delete")))
      assert.deepStrictEqual(events, [
        "create the log true",
        `bot:  ${MessageType.ThreadStarterMessage}`,
        "bot: It began 0",
        "somebody: What a song! 0",
        "update an old log false",
        "update an old log true",
        "update an old log false",
        "bot: once more 0",
        "delete an old log"
      ])
      assert.deepStrictEqual(yield* discord.violations, [])
    }).pipe(Effect.scoped, Effect.provide(withText(true))))

  it.live("has private threads, to which it adds people", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const { id: guest } = yield* discord.createUser({ name: "guest" })
      const changes: Array<string> = []
      const client = yield* DiscordJs.client((client) => {
        client.on(Events.ThreadMembersUpdate, (added, removed, thread) => {
          changes.push(`${thread.name} +${added.size} -${removed.size}`)
        })
      }, [GatewayIntentBits.GuildMembers])
      const channel = DiscordJs.textChannel(client)
      const create = (): Promise<ThreadChannel> =>
        channel.threads.create({
          name: "the queue",
          type: ChannelType.PrivateThread,
          invitable: false,
          autoArchiveDuration: ThreadAutoArchiveDuration.OneHour
        })
      const thread = yield* Effect.promise(create)
      assert.deepStrictEqual([thread.type, thread.invitable], [ChannelType.PrivateThread, false])
      const chat = yield* discord.chat("the queue")
      assert.include((yield* Effect.flip(chat.write("hello"))).message, "cannot see")
      yield* Effect.promise(() => thread.members.add(guest))
      yield* chat.write("hello")
      yield* Effect.promise(() => thread.members.remove(guest))
      assert.include((yield* Effect.flip(chat.write("hello"))).message, "cannot see")
      yield* DiscordJs.seen(() => changes.find((change) => change === "the queue +0 -1"))
      assert.include(changes, "the queue +1 -0")
      yield* Effect.promise(() => thread.leave())
      assert.strictEqual(yield* Effect.promise(() => DiscordJs.codeOf(thread.send("Am I there?"))), 50001)
      assert.deepStrictEqual(yield* discord.violations, [])
    }).pipe(Effect.scoped, Effect.provide(withText(false))))
})
