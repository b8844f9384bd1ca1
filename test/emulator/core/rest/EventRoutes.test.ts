import { assert, describe, it } from "@effect/vitest"
import { Intents } from "../../../../src/protocol/GatewayPayload.ts"
import * as Harness from "../Harness.ts"

type Json = { readonly [key: string]: unknown }

const hour = 3_600_000

const setup = (isModerator = true) => {
  const h = Harness.make({
    profile: { eventEmptyMs: 1_000, eventOverdueMs: 4 * hour, gatewayHeartbeatIntervalMs: 1_000 * hour }
  })
  const guest = h.core.createUser({ name: "guest" })
  const stage = h.core.createChannel({ guildId: h.guildId, name: "stage", kind: "stage" })
  if (isModerator) h.core.setModerator(h.bot.id, true)
  const call = (method: string, path: string, body?: unknown, token = h.bot.token) => {
    const sent = body === undefined ? undefined : JSON.stringify(body)
    const at = path.startsWith("/stage") ? path : `/guilds/${h.guildId}/scheduled-events${path}`
    const answer = h.core.rest({ method, path: at, authorization: token, body: sent })
    return { status: answer.status, json: answer.body as Json }
  }
  const at = (ms: number) => new Date(ms).toISOString()
  const start = at(hour)
  const plan = { name: "concert", privacy_level: 2, entity_type: 2, channel_id: h.lobby, scheduled_start_time: start }
  const elsewhere = {
    name: "picnic",
    privacy_level: 2,
    entity_type: 3,
    scheduled_start_time: start,
    scheduled_end_time: at(2 * hour),
    entity_metadata: { location: "the park" }
  }
  const onStage = { ...plan, entity_type: 1, channel_id: stage }
  const make = (body: unknown = plan) => String(call("POST", "", body).json["id"])
  const client = h.login({ intents: Intents.GuildScheduledEvents | Intents.Guilds })
  const told = () =>
    client.take().map(({ d, t }) => {
      const { status } = { ...(d as Json) }
      return `${String(t).replace("GUILD_SCHEDULED_EVENT_", "")}${status === undefined ? "" : ` ${status}`}`
    })
  return { h, guest, stage, call, at, plan, elsewhere, onStage, make, client, told }
}

const codes = (answers: ReadonlyArray<{ readonly json: Json }>) => answers.map(({ json }) => json["code"])

describe("a scheduled event", () => {
  it("can be created, listed, changed, started and completed", () => {
    const { at, call, client, h, make, plan, told } = setup()
    const id = make({ ...plan, description: "all of it" })
    const shown = {
      id,
      guild_id: h.guildId,
      channel_id: h.lobby,
      creator_id: h.bot.id,
      name: "concert",
      description: "all of it",
      image: null,
      scheduled_start_time: at(hour),
      scheduled_end_time: null,
      privacy_level: 2,
      status: 1,
      entity_type: 2,
      entity_id: null,
      entity_metadata: null,
      recurrence_rule: null
    }
    const { creator, ...found } = call("GET", `/${id}`).json
    assert.deepStrictEqual(found, shown)
    assert.deepInclude(creator, { id: h.bot.id, username: "bot" })
    assert.deepInclude(client.events("GUILD_SCHEDULED_EVENT_CREATE")[0], shown)
    const other = h.login({ intents: Intents.Guilds })
    const [planned] = other.messages.flatMap(({ d, t }) =>
      t === "GUILD_CREATE" ? (d as { readonly guild_scheduled_events: ReadonlyArray<Json> }).guild_scheduled_events : []
    )
    assert.deepInclude(planned, shown)
    assert.deepInclude(call("PATCH", `/${id}`, { name: "the concert" }).json, { name: "the concert", status: 1 })
    assert.deepStrictEqual(codes([call("PATCH", `/${id}`, { status: 3 })]), [50035])
    assert.strictEqual(call("PATCH", `/${id}`, { status: 2 }).json["status"], 2)
    assert.deepStrictEqual(
      codes([call("PATCH", `/${id}`, { status: 4 }), call("PATCH", `/${id}`, { scheduled_start_time: at(3 * hour) })]),
      [50035, 50035]
    )
    assert.strictEqual(call("PATCH", `/${id}`, { status: 3 }).json["status"], 3)
    assert.deepStrictEqual(codes([call("PATCH", `/${id}`, { name: "again" })]), [180000])
    assert.deepStrictEqual(call("GET", "").json, [] as unknown as Json)
    assert.deepStrictEqual(told(), ["CREATE 1", "UPDATE 1", "UPDATE 2", "UPDATE 3"])
    assert.strictEqual(call("DELETE", `/${id}`).status, 204)
    assert.deepStrictEqual(codes([call("GET", `/${id}`)]), [10070])
  })

  it("can be read by its id when it is over, as one of the last hundred", () => {
    const { call, make } = setup()
    const ids = Array.from({ length: 101 }, () => {
      const id = make()
      call("PATCH", `/${id}`, { status: 4 })
      return id
    })
    const waits = make()
    const known = (id: string | undefined) => call("GET", `/${id}`).status
    assert.deepStrictEqual([ids[0], ids[1], ids[100], waits].map(known), [404, 200, 200, 200])
  })

  it("is refused with an error for each invalid field", () => {
    const { at, call, elsewhere, h, plan, stage } = setup()
    const post = (body: unknown) => call("POST", "", body)
    const errorsOf = (body: unknown) => Object.keys((post(body).json["errors"] ?? {}) as Json)
    assert.deepStrictEqual(errorsOf({}), [
      "name",
      "privacy_level",
      "entity_type",
      "scheduled_start_time",
      "channel_id"
    ])
    assert.deepStrictEqual(errorsOf({ ...plan, name: "x".repeat(101) }), ["name"])
    assert.deepStrictEqual(errorsOf({ ...plan, privacy_level: 1 }), ["privacy_level"])
    assert.deepStrictEqual(errorsOf({ ...plan, entity_type: 4 }), ["entity_type"])
    assert.deepStrictEqual(errorsOf({ ...plan, scheduled_start_time: at(0) }), ["scheduled_start_time"])
    assert.deepStrictEqual(errorsOf({ ...plan, scheduled_start_time: "soon" }), ["scheduled_start_time"])
    assert.deepStrictEqual(errorsOf({ ...plan, scheduled_end_time: at(hour) }), ["scheduled_end_time"])
    const { entity_metadata: _, scheduled_end_time: __, ...bare } = elsewhere
    assert.deepStrictEqual(errorsOf(bare), ["scheduled_end_time", "entity_metadata"])
    assert.deepStrictEqual(codes([post({ ...plan, channel_id: "1" }), post({ ...plan, channel_id: stage })]), [
      10003,
      50024
    ])
    for (let i = 0; i < 100; i++) assert.strictEqual(post(plan).status, 200)
    assert.deepStrictEqual(codes([post(plan)]), [30038])
    assert.lengthOf(h.violations(), 0)
  })

  it("can move to an external place with an end time, and back into a channel", () => {
    const { at, call, h, make } = setup()
    const id = make()
    assert.deepStrictEqual(codes([call("PATCH", `/${id}`, { entity_type: 3, channel_id: null })]), [50035])
    const away = { entity_type: 3, channel_id: null, scheduled_end_time: at(2 * hour) }
    const moved = call("PATCH", `/${id}`, { ...away, entity_metadata: { location: "the park" } }).json
    assert.deepInclude(moved, { channel_id: null, entity_type: 3, entity_metadata: { location: "the park" } })
    const back = call("PATCH", `/${id}`, { entity_type: 2, channel_id: h.other }).json
    assert.deepInclude(back, { channel_id: h.other, entity_metadata: null })
  })

  it("starts and ends at its times if it takes place elsewhere", () => {
    const { call, elsewhere, h, make, told } = setup()
    const id = make(elsewhere)
    h.core.advance(hour - 1)
    assert.deepStrictEqual(told(), ["CREATE 1"])
    h.core.advance(hour)
    assert.deepStrictEqual(told(), ["UPDATE 2"])
    h.core.advance(2 * hour)
    assert.deepStrictEqual(told(), ["UPDATE 3"])
    assert.strictEqual(call("GET", `/${id}`).json["status"], 3)
  })

  it("is canceled if it is never started, and completed when its channel has been empty for a while", () => {
    const { call, guest, h, make, told } = setup()
    make()
    const id = make()
    const where = { userId: guest.id, channelId: h.lobby }
    h.core.participants.join(where)
    call("PATCH", `/${id}`, { status: 2 })
    assert.deepStrictEqual(told(), ["CREATE 1", "CREATE 1", "UPDATE 2"])
    h.core.advance(hour)
    h.core.moveUser(guest.id, h.other)
    h.core.advance(hour + 999)
    h.core.moveUser(guest.id, h.lobby)
    h.core.advance(2 * hour)
    h.core.kick(guest.id)
    h.core.advance(2 * hour + 999)
    assert.deepStrictEqual(told(), [])
    h.core.advance(2 * hour + 1_000)
    assert.deepStrictEqual(told(), ["UPDATE 3"])
    h.core.advance(5 * hour - 1)
    assert.deepStrictEqual(told(), [])
    h.core.advance(5 * hour)
    assert.deepStrictEqual(told(), ["UPDATE 4"])
  })

  it("ends with its channel", () => {
    const { call, h, make, told } = setup()
    const [first, second] = [make(), make()]
    call("PATCH", `/${second}`, { status: 2 })
    told()
    h.core.deleteChannel(h.lobby)
    assert.deepStrictEqual(told(), ["UPDATE 4", "UPDATE 3", "CHANNEL_DELETE"])
    assert.isString(first)
  })

  it("starts a stage, which ends with it", () => {
    const { call, client, make, onStage, stage, told } = setup()
    const [id, next] = [make(onStage), make(onStage)]
    const begun = call("PATCH", `/${id}`, { status: 2 }).json
    const held = call("GET", `/stage-instances/${stage}`).json
    assert.deepInclude(held, { topic: "concert", guild_scheduled_event_id: id })
    assert.strictEqual(begun["entity_id"], held["id"])
    assert.deepStrictEqual(codes([call("PATCH", `/${next}`, { status: 2 })]), [180002])
    told()
    call("DELETE", `/${id}`)
    assert.deepStrictEqual(told(), ["DELETE 2", "STAGE_INSTANCE_DELETE"])
    const post = (event: string, topic = "news") =>
      call("POST", "/stage-instances", { channel_id: stage, topic, guild_scheduled_event_id: event })
    assert.deepStrictEqual(codes([post(id), post(make())]), [10070, 50091])
    assert.deepInclude(post(next).json, { topic: "news", guild_scheduled_event_id: next })
    assert.strictEqual(call("GET", `/${next}`).json["status"], 2)
    call("PATCH", `/${next}`, { status: 3 })
    assert.deepStrictEqual(codes([call("GET", `/stage-instances/${stage}`), post(next)]), [10067, 180000])
    assert.lengthOf(client.events("STAGE_INSTANCE_CREATE"), 2)
  })

  it("ends its stage when it moves to another channel", () => {
    const { call, h, make, onStage, plan, stage } = setup()
    const other = h.core.createChannel({ guildId: h.guildId, name: "other-stage", kind: "stage" })
    const isHeld = () => call("GET", `/stage-instances/${stage}`).status === 200
    for (
      const change of [{ channel_id: other }, { channel_id: other, status: 3 }, {
        entity_type: 2,
        channel_id: plan.channel_id
      }]
    ) {
      const id = make(onStage)
      call("PATCH", `/${id}`, { status: 2 })
      assert.isTrue(isHeld())
      assert.strictEqual(call("PATCH", `/${id}`, change).status, 200)
      assert.isFalse(isHeld(), JSON.stringify(change))
    }
  })

  it("requires permissions, and is hidden from those who do not see its channel", () => {
    const { call, elsewhere, h, make, onStage, plan } = setup()
    const id = make()
    const planner = h.core.createRole(h.guildId, { name: "planner", permissions: 1n << 44n })
    const other = h.core.createUser({ name: "other", bot: true })
    const as = (method: string, path: string, body?: unknown) => call(method, path, body, other.token)
    assert.deepStrictEqual(codes([as("POST", "", plan), as("POST", "", elsewhere)]), [50013, 50013])
    h.core.setRoles(other.id, [planner?.id ?? ""])
    assert.deepStrictEqual(codes([as("POST", "", onStage)]), [50013])
    const own = as("POST", "", plan).json["id"]
    assert.strictEqual(as("PATCH", `/${own}`, { name: "mine" }).status, 200)
    assert.deepStrictEqual(codes([as("PATCH", `/${id}`, { name: "mine" }), as("DELETE", `/${id}`)]), [50013, 50013])
    assert.strictEqual(as("GET", `/${id}`).status, 200)
    h.core.deny({ userId: other.id, channelId: h.lobby, view: true })
    assert.deepStrictEqual(codes([as("GET", `/${id}`)]), [50001])
    assert.deepStrictEqual(as("GET", "").json, [] as unknown as Json)
  })

  it("lists interested users in pages", () => {
    const { call, client, guest, h, make } = setup()
    const id = make()
    const others = Array.from({ length: 3 }, (_, i) => h.core.createUser({ name: `guest ${i}` }).id)
    for (const userId of others.toReversed()) assert.isTrue(h.core.subscribe(userId, "concert", true))
    assert.isTrue(h.core.subscribe(guest.id, id, true))
    assert.isFalse(h.core.subscribe(guest.id, id, true))
    assert.isFalse(h.core.subscribe(guest.id, "no such event", true))
    const list = (
      query: string
    ) => (call("GET", `/${id}/users${query}`).json as unknown as ReadonlyArray<
      { readonly user: Json; readonly member?: Json }
    >)
    const ids = (query: string) => list(query).map(({ user }) => user["id"])
    const all = [guest.id, ...others]
    assert.deepStrictEqual(ids(""), all)
    assert.deepStrictEqual(ids(`?limit=2&after=${all[0]}`), all.slice(1, 3))
    assert.deepStrictEqual(ids(`?limit=2&before=${all[3]}`), all.slice(1, 3))
    assert.deepStrictEqual(list("?with_member=true").map(({ member }) => member?.["roles"]), [[], [], [], []])
    assert.isUndefined(list("")[0]?.member)
    assert.strictEqual(call("GET", `/${id}?with_user_count=true`).json["user_count"], 4)
    assert.isTrue(h.core.subscribe(guest.id, id, false))
    const told = { guild_scheduled_event_id: id, user_id: guest.id, guild_id: h.guildId }
    assert.deepStrictEqual(client.events("GUILD_SCHEDULED_EVENT_USER_ADD").at(-1), told)
    assert.deepStrictEqual(client.events("GUILD_SCHEDULED_EVENT_USER_REMOVE"), [told])
  })

  it("is recorded in the audit log, except when it starts automatically", () => {
    const { call, elsewhere, h, make } = setup()
    const id = make(elsewhere)
    call("PATCH", `/${id}`, { name: "the picnic" })
    h.core.advance(hour)
    const path = `/guilds/${h.guildId}/audit-logs?user_id=${h.bot.id}`
    const { body } = h.core.rest({ method: "GET", path, authorization: h.bot.token, body: undefined })
    const log = body as {
      readonly audit_log_entries: ReadonlyArray<Json>
      readonly guild_scheduled_events: ReadonlyArray<Json>
    }
    assert.deepStrictEqual(log.audit_log_entries.map((entry) => entry["action_type"]), [101, 100])
    assert.deepStrictEqual(log.audit_log_entries[0]?.["changes"], [
      { key: "name", old_value: "picnic", new_value: "the picnic" }
    ])
    assert.deepStrictEqual(log.guild_scheduled_events.map((event) => event["id"]), [id])
  })
})
