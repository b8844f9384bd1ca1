import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { TestClock } from "effect/testing"
import * as Admission from "../../src/gateway/Admission.ts"
import { Permission } from "../../src/gateway/Permissions.ts"
import type * as Rest from "../../src/gateway/Rest.ts"
import { ChannelId, GuildId, UserId } from "../../src/protocol/Identifier.ts"
import { Obstacle } from "../../src/VoiceError.ts"

const guildId = GuildId.make("10")
const channelId = ChannelId.make("20")
const userId = UserId.make("1")

const ok = (body: unknown): Rest.Answer => ({ status: 200, body, retryAfterMs: 0 })
const missing = (status: number): Rest.Answer => ({ status, body: { message: "no", code: 0 }, retryAfterMs: 0 })

const everyone = (...permissions: ReadonlyArray<bigint>) => ({
  id: guildId,
  permissions: permissions.reduce((all, one) => all | one, 0n).toString()
})
const channel = (more: object = {}) =>
  ok({ id: channelId, type: 2, guild_id: guildId, user_limit: 0, permission_overwrites: [], ...more })
const guild = (more: object = {}) =>
  ok({ id: guildId, owner_id: "99", roles: [everyone(Permission.ViewChannel, Permission.Connect)], ...more })
const member = (more: object = {}) => ok({ roles: [], communication_disabled_until: null, ...more })

const ask = (answers: { channel?: Rest.Answer; guild?: Rest.Answer; member?: Rest.Answer; occupants?: number }) =>
  Admission.obstacle({
    get: (path) => {
      switch (path) {
        case "/channels/20":
          return Effect.succeed(answers.channel ?? channel())
        case "/guilds/10":
          return Effect.succeed(answers.guild ?? guild())
        case "/guilds/10/members/1":
          return Effect.succeed(answers.member ?? member())
        default:
          return Effect.fail(`nobody asks for ${path}`)
      }
    },
    guildId,
    channelId,
    userId,
    occupants: answers.occupants ?? 0
  })

describe("Admission", () => {
  it.effect("finds nothing if nothing is in the way", () =>
    Effect.gen(function*() {
      assert.isUndefined(yield* ask({}))
      assert.isUndefined(yield* ask({ channel: channel({ type: 13, user_limit: 2 }), occupants: 1 }))
      // nor if Discord says no more than the kind of the channel
      assert.isUndefined(yield* ask({ channel: ok({ type: 2 }), occupants: 1_000 }))
    }))

  it.effect("recognizes a missing guild, a missing channel, and one of the wrong kind", () =>
    Effect.gen(function*() {
      for (const status of [403, 404]) {
        assert.strictEqual(yield* ask({ guild: missing(status), channel: missing(403) }), "NotMember")
      }
      assert.strictEqual(yield* ask({ channel: missing(404) }), "UnknownChannel")
      assert.strictEqual(yield* ask({ channel: channel({ guild_id: "11" }) }), "UnknownChannel")
      for (const type of [0, 1, 4, 15]) assert.strictEqual(yield* ask({ channel: channel({ type }) }), "NotVoice")
    }))

  it.effect("names the missing permission", () =>
    Effect.gen(function*() {
      const denying = (permission: bigint) =>
        channel({ permission_overwrites: [{ id: userId, type: 1, allow: "0", deny: `${permission}` }] })
      assert.strictEqual(yield* ask({ channel: missing(403) }), "ViewChannel")
      assert.strictEqual(yield* ask({ channel: denying(Permission.ViewChannel) }), "ViewChannel")
      assert.strictEqual(yield* ask({ channel: denying(Permission.Connect) }), "Connect")
      assert.strictEqual(yield* ask({ guild: guild({ roles: [everyone(Permission.ViewChannel)] }) }), "Connect")
      assert.isUndefined(yield* ask({ channel: denying(Permission.Connect), guild: guild({ owner_id: userId }) }))
    }))

  it.effect("reports a timeout while it lasts", () =>
    Effect.gen(function*() {
      const until = member({ communication_disabled_until: "1970-01-01T00:01:00.000000+00:00" })
      assert.strictEqual(yield* ask({ member: until }), "TimedOut")
      const administrators = guild({ roles: [everyone(Permission.Administrator)] })
      assert.isUndefined(yield* ask({ member: until, guild: administrators }))
      yield* TestClock.adjust("1 minute")
      assert.isUndefined(yield* ask({ member: until }))
      assert.isUndefined(yield* ask({ member: member({ communication_disabled_until: "soon" }) }))
    }))

  it.effect("reports a full channel, unless the bot may move members", () =>
    Effect.gen(function*() {
      const limited = channel({ user_limit: 2 })
      assert.isUndefined(yield* ask({ channel: limited, occupants: 1 }))
      for (const occupants of [2, 3]) assert.strictEqual(yield* ask({ channel: limited, occupants }), "Full")
      assert.strictEqual(yield* ask({ channel: channel({ user_limit: 1 }), occupants: 1 }), "Full")
      const movers = guild({ roles: [everyone(Permission.ViewChannel, Permission.Connect, Permission.MoveMembers)] })
      assert.isUndefined(yield* ask({ channel: limited, occupants: 2, guild: movers }))
      assert.isUndefined(yield* ask({ occupants: 1_000 }))
    }))

  it.effect("finds nothing in what it cannot read, and fails with what keeps it from asking", () =>
    Effect.gen(function*() {
      for (
        const broken of [missing(500), missing(429), missing(401), ok(undefined), ok([]), ok({ type: "2", roles: 1 })]
      ) {
        assert.isUndefined(yield* ask({ channel: broken }))
        assert.isUndefined(yield* ask({ guild: broken, channel: channel({ user_limit: 1 }), occupants: 1 }))
        assert.isUndefined(yield* ask({ member: broken }))
      }
      assert.isUndefined(yield* ask({ channel: { ...channel({ type: 0 }), status: 500 } }))
      const roles = [{ id: guildId, permissions: "a lot" }]
      assert.isUndefined(yield* ask({ guild: guild({ roles }) }))
      const failing = Admission.obstacle({ get: () => Effect.fail("away"), guildId, channelId, userId, occupants: 0 })
      assert.strictEqual(yield* Effect.flip(failing), "away")
    }))

  const id = Schema.Literals([guildId, userId, "30"])
  const Bits = Schema.Union([Schema.Literals(["8", "1024", "1048576", "x"]), Schema.String, Schema.Json])
  const Body = Schema.Union([
    Schema.Json,
    Schema.Struct({
      type: Schema.Union([Schema.Literals([0, 2]), Schema.Json]),
      user_limit: Schema.Json,
      permission_overwrites: Schema.Array(Schema.Struct({ id, allow: Bits, deny: Bits }))
    }),
    Schema.Struct({ owner_id: Schema.Json, roles: Schema.Array(Schema.Struct({ id, permissions: Bits })) }),
    Schema.Struct({ roles: Schema.Array(id), communication_disabled_until: Schema.Union([Schema.Json, Schema.String]) })
  ])
  const answer = Schema.Struct({
    status: Schema.Literals([200, 403, 404, 500]),
    body: Body,
    retryAfterMs: Schema.Literal(0)
  })

  it.effect.prop(
    "survives whatever the API answers",
    [answer, answer, answer],
    ([channel, guild, member]) =>
      Effect.gen(function*() {
        const found = yield* ask({ channel, guild, member })
        if (found !== undefined) assert.include(Obstacle.literals, found)
      })
  )
})
