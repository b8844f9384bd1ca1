import { assert, describe, it } from "@effect/vitest"
import {
  type Client,
  Events,
  GatewayIntentBits,
  type Guild,
  GuildScheduledEventEntityType,
  GuildScheduledEventPrivacyLevel,
  GuildScheduledEventStatus
} from "discord.js"
import { Effect } from "effect"
import { today } from "../../src/emulator/core/Profile.ts"
import * as Emulator from "../../src/emulator/Emulator.ts"
import * as DiscordJs from "./discordjsClient.ts"

const world = { users: [{ name: "bot", bot: true, moderator: true }] }

const guildOf = (client: Client): Guild => {
  const guild = client.guilds.cache.first()
  if (guild === undefined) throw new Error("There is no guild.")
  return guild
}

const later = () => new Date(Date.now() + 3_600_000)

describe("a bot on discord.js that schedules events", () => {
  it.live("holds one in a voice channel, to which people subscribe, until all have left", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const seen: Array<string> = []
      const client = yield* DiscordJs.client((client) => {
        client.on(Events.GuildScheduledEventCreate, ({ name }) => seen.push(`+${name}`))
        client.on(Events.GuildScheduledEventUpdate, (_, { status }) => seen.push(GuildScheduledEventStatus[status]))
        client.on(Events.GuildScheduledEventUserAdd, ({ name }, { id }) => seen.push(`${id} to ${name}`))
        client.on(Events.GuildScheduledEventUserRemove, ({ name }, { id }) => seen.push(`${id} not to ${name}`))
      }, [GatewayIntentBits.GuildScheduledEvents, GatewayIntentBits.GuildMembers])
      const guild = guildOf(client)
      const guest = yield* discord.join({ user: "guest", channel: "lobby" })
      const lobby = yield* discord.channel("lobby")
      const event = yield* Effect.promise(() =>
        guild.scheduledEvents.create({
          name: "concert",
          description: "all of it",
          scheduledStartTime: later(),
          privacyLevel: GuildScheduledEventPrivacyLevel.GuildOnly,
          entityType: GuildScheduledEventEntityType.Voice,
          channel: lobby
        })
      )
      assert.deepStrictEqual([event.channelId, event.creator?.id, event.status], [lobby, client.user?.id, 1])
      yield* Effect.promise(() => guild.members.fetch(guest.userId))
      yield* guest.subscribe("concert")
      assert.strictEqual((yield* Effect.flip(guest.subscribe("concert"))).reason._tag, "NothingToDo")
      yield* DiscordJs.seen(() => seen.includes(`${guest.userId} to concert`) ? true : undefined)
      yield* Effect.promise(async () => {
        const subscribers = await event.fetchSubscribers({ withMember: true })
        assert.deepStrictEqual(subscribers.map(({ member, user }) => [user.username, member.displayName]), [
          ["guest", "guest"]
        ])
        const found = await guild.scheduledEvents.fetch({ guildScheduledEvent: event.id, force: true })
        assert.strictEqual(found.userCount, 1)
        assert.isTrue((await event.setStatus(GuildScheduledEventStatus.Active)).isActive())
      })
      yield* guest.subscribe(event.id, false)
      yield* guest.leave
      yield* DiscordJs.seen(() => seen.includes("Completed") ? true : undefined)
      assert.deepStrictEqual(seen, [
        "+concert",
        `${guest.userId} to concert`,
        "Active",
        `${guest.userId} not to concert`,
        "Completed"
      ])
      yield* Effect.promise(async () => {
        assert.strictEqual(await DiscordJs.codeOf(event.setName("again")), 180_000)
        assert.strictEqual((await guild.scheduledEvents.fetch()).size, 0)
      })
      assert.deepStrictEqual(yield* discord.violations, [])
    }).pipe(Effect.scoped, Effect.provide(Emulator.layer({ world, profile: { ...today, eventEmptyMs: 1 } }))))

  it.live("holds one on a stage and one elsewhere, and is told what is wrong", () =>
    Effect.gen(function*() {
      const discord = yield* Emulator.Emulator
      const client = yield* DiscordJs.client(() => {}, [GatewayIntentBits.GuildScheduledEvents])
      const guild = guildOf(client)
      const stage = yield* discord.channel("stage")
      const plan = {
        name: "talk",
        scheduledStartTime: later(),
        privacyLevel: GuildScheduledEventPrivacyLevel.GuildOnly,
        entityType: GuildScheduledEventEntityType.StageInstance,
        channel: stage
      } as const
      yield* Effect.promise(async () => {
        const talk = await guild.scheduledEvents.create(plan)
        await talk.setStatus(GuildScheduledEventStatus.Active)
        const held = await guild.stageInstances.fetch(stage)
        assert.deepStrictEqual([held.topic, held.guildScheduledEventId, talk.entityId], ["talk", talk.id, held.id])
        await talk.delete()
        const [past, place] = [new Date(Date.now() - 1_000), { location: "the park" }]
        const { channel: _, ...elsewhere } = plan
        const picnic = await guild.scheduledEvents.create({
          ...elsewhere,
          entityType: GuildScheduledEventEntityType.External,
          scheduledEndTime: new Date(Date.now() + 7_200_000),
          entityMetadata: place
        })
        assert.deepStrictEqual([picnic.entityMetadata?.location, picnic.channelId], ["the park", null])
        assert.strictEqual(
          await DiscordJs.codeOf(guild.scheduledEvents.create({ ...plan, scheduledStartTime: past })),
          50_035
        )
        const moved = await picnic.edit({ entityType: GuildScheduledEventEntityType.StageInstance, channel: stage })
        assert.deepStrictEqual([moved.entityMetadata, moved.channelId], [null, stage])
      })
      assert.deepStrictEqual(yield* discord.violations, [])
    }).pipe(Effect.scoped, Effect.provide(Emulator.layer({ world }))))
})
