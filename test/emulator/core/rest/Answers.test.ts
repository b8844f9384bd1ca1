import { assert, describe, it } from "@effect/vitest"
import type {
  APIApplicationCommand,
  APIAuditLog,
  APIAuditLogEntry,
  APIBan,
  APIEmoji,
  APIExtendedInvite,
  APIGuild,
  APIGuildCategoryChannel,
  APIGuildMember,
  APIGuildStageVoiceChannel,
  APIGuildVoiceChannel,
  APIMessage,
  APIRole,
  APISoundboardSound,
  APIStageInstance,
  APITextChannel,
  APIThreadChannel,
  APIThreadMember,
  APIUser,
  APIVoiceGuildScheduledEvent,
  APIVoiceRegion,
  APIVoiceState,
  APIWebhook,
  GatewayGuildCreateDispatchData
} from "discord.js"
import * as Harness from "../Harness.ts"

type Json = { readonly [key: string]: unknown }

type RequiredKeys<A> = { [K in keyof A]-?: object extends Pick<A, K> ? never : K }[keyof A]

type Base<A> = A extends string ? "string"
  : A extends number ? "number"
  : A extends boolean ? "boolean"
  : A extends ReadonlyArray<unknown> ? "array"
  : "object"

type Kind<A> = [A] extends [null] ? "null" : null extends A ? `${Base<NonNullable<A>>}?` : Base<A>

/** Each required field with its kind. The compiler reports fields that are missing or wrong in a list. */
type Fields<A> = { readonly [K in RequiredKeys<A>]: Kind<A[K]> }

const kindOf = (value: unknown) => Array.isArray(value) ? "array" : typeof value

const problemsOf = <A>(json: unknown, fields: Fields<A>): ReadonlyArray<string> => {
  const found = json as Json
  return Object.entries<string>(fields).flatMap(([key, kind]) => {
    const value = found[key]
    const isRight = value === null ? kind === "null" || kind.endsWith("?") : kindOf(value) === kind.replace("?", "")
    return isRight ? [] : [`${key}: ${JSON.stringify(value)} is no ${kind}`]
  })
}

const user: Fields<APIUser> = {
  id: "string",
  username: "string",
  discriminator: "string",
  global_name: "string?",
  avatar: "string?"
}

const setup = () => {
  const h = Harness.make()
  h.core.setModerator(h.bot.id, true)
  const guest = h.core.createUser({ name: "guest" })
  h.core.participants.join({ userId: guest.id, channelId: h.lobby })
  const channel = (name: string, kind: "text" | "stage" | "category") =>
    String(h.core.createChannel({ guildId: h.guildId, name, kind }))
  const call = (method: string, path: string, body?: unknown) => {
    const sent = body === undefined ? undefined : JSON.stringify(body)
    const answer = h.core.rest({ method, path, authorization: h.bot.token, body: sent })
    assert.isBelow(answer.status, 300, `${method} ${path} ${JSON.stringify(answer.body)}`)
    return answer.body as Json
  }
  const list = (path: string) => call("GET", path) as unknown as ReadonlyArray<Json>
  return { h, guest, channel, call, list, guild: `/guilds/${h.guildId}` }
}

describe("REST answers have the fields that discord-api-types declares", () => {
  it("for users, members, roles, bans and voice states", () => {
    const { call, guest, guild, list } = setup()
    assert.deepStrictEqual(problemsOf<APIUser>(call("GET", "/users/@me"), user), [])
    const member: Fields<APIGuildMember> = {
      user: "object",
      roles: "array",
      joined_at: "string?",
      deaf: "boolean",
      mute: "boolean",
      flags: "number"
    }
    assert.deepStrictEqual(problemsOf<APIGuildMember>(call("GET", `${guild}/members/${guest.id}`), member), [])
    const role: Fields<APIRole> = {
      id: "string",
      name: "string",
      color: "number",
      colors: "object",
      hoist: "boolean",
      position: "number",
      permissions: "string",
      managed: "boolean",
      mentionable: "boolean",
      flags: "number"
    }
    assert.deepStrictEqual(problemsOf<APIRole>(list(`${guild}/roles`)[0], role), [])
    const state: Fields<APIVoiceState> = {
      channel_id: "string?",
      user_id: "string",
      session_id: "string",
      deaf: "boolean",
      mute: "boolean",
      self_deaf: "boolean",
      self_mute: "boolean",
      self_video: "boolean",
      suppress: "boolean",
      request_to_speak_timestamp: "string?"
    }
    assert.deepStrictEqual(problemsOf<APIVoiceState>(call("GET", `${guild}/voice-states/${guest.id}`), state), [])
    call("PUT", `${guild}/bans/${guest.id}`, {})
    assert.deepStrictEqual(problemsOf<APIBan>(list(`${guild}/bans`)[0], { user: "object", reason: "string?" }), [])
  })

  it("for guilds", () => {
    const { call, guild, h } = setup()
    const fields: Fields<APIGuild> = {
      id: "string",
      name: "string",
      icon: "string?",
      splash: "string?",
      discovery_splash: "string?",
      owner_id: "string",
      afk_channel_id: "string?",
      afk_timeout: "number",
      verification_level: "number",
      default_message_notifications: "number",
      explicit_content_filter: "number",
      roles: "array",
      emojis: "array",
      features: "array",
      mfa_level: "number",
      application_id: "string?",
      system_channel_id: "string?",
      system_channel_flags: "number",
      rules_channel_id: "string?",
      vanity_url_code: "string?",
      description: "string?",
      banner: "string?",
      premium_tier: "number",
      preferred_locale: "string",
      public_updates_channel_id: "string?",
      nsfw_level: "number",
      premium_progress_bar_enabled: "boolean",
      hub_type: "number?",
      safety_alerts_channel_id: "string?",
      incidents_data: "object?"
    }
    assert.deepStrictEqual(problemsOf<APIGuild>(call("GET", guild), fields), [])
    const client = h.connect()
    client.send(Harness.identify(h.bot.token))
    const whole: Fields<GatewayGuildCreateDispatchData> = {
      ...fields,
      joined_at: "string",
      large: "boolean",
      member_count: "number",
      voice_states: "array",
      members: "array",
      channels: "array",
      threads: "array",
      presences: "array",
      stage_instances: "array",
      guild_scheduled_events: "array",
      soundboard_sounds: "array"
    }
    const [created] = client.events("GUILD_CREATE")
    assert.deepStrictEqual(problemsOf<GatewayGuildCreateDispatchData>(created, whole), [])
  })

  it("for channels, threads, invitations, webhooks and stages", () => {
    const { call, channel, h } = setup()
    const named = { id: "string", type: "number", name: "string", position: "number" } as const
    const [text, stage] = [channel("text", "text"), channel("stage", "stage")]
    const of = (id: string) => call("GET", `/channels/${id}`)
    assert.deepStrictEqual(problemsOf<APITextChannel>(of(text), named), [])
    assert.deepStrictEqual(problemsOf<APIGuildVoiceChannel>(of(h.lobby), named), [])
    assert.deepStrictEqual(problemsOf<APIGuildStageVoiceChannel>(of(stage), named), [])
    assert.deepStrictEqual(problemsOf<APIGuildCategoryChannel>(of(channel("all", "category")), named), [])
    const thread = call("POST", `/channels/${text}/threads`, { name: "log", type: 11 })
    assert.deepStrictEqual(problemsOf<APIThreadChannel>(thread, { id: "string", type: "number", name: "string" }), [])
    const member = call("GET", `/channels/${String(thread["id"])}/thread-members/@me`)
    assert.deepStrictEqual(
      problemsOf<APIThreadMember>(member, { join_timestamp: "string", flags: "number" }),
      []
    )
    const invite: Fields<APIExtendedInvite> = {
      code: "string",
      channel: "object?",
      expires_at: "string?",
      type: "number",
      uses: "number",
      max_uses: "number",
      max_age: "number",
      temporary: "boolean",
      created_at: "string"
    }
    assert.deepStrictEqual(problemsOf<APIExtendedInvite>(call("POST", `/channels/${text}/invites`, {}), invite), [])
    const webhook: Fields<APIWebhook> = {
      id: "string",
      type: "number",
      channel_id: "string?",
      name: "string?",
      avatar: "string?",
      application_id: "string?"
    }
    assert.deepStrictEqual(
      problemsOf<APIWebhook>(call("POST", `/channels/${text}/webhooks`, { name: "hook" }), webhook),
      []
    )
    const held: Fields<APIStageInstance> = {
      id: "string",
      guild_id: "string",
      channel_id: "string",
      topic: "string",
      privacy_level: "number",
      discoverable_disabled: "boolean"
    }
    const begun = call("POST", "/stage-instances", { channel_id: stage, topic: "news" })
    assert.deepStrictEqual(problemsOf<APIStageInstance>(begun, held), [])
  })

  it("for messages, emoji, sounds, events, regions, commands and the audit log", () => {
    const { call, channel, guild, h, list } = setup()
    const message: Fields<APIMessage> = {
      id: "string",
      type: "number",
      channel_id: "string",
      author: "object",
      content: "string",
      timestamp: "string",
      edited_timestamp: "string?",
      tts: "boolean",
      mention_everyone: "boolean",
      mentions: "array",
      mention_roles: "array",
      attachments: "array",
      embeds: "array",
      pinned: "boolean"
    }
    const sent = call("POST", `/channels/${channel("text", "text")}/messages`, { content: "hello" })
    assert.deepStrictEqual(problemsOf<APIMessage>(sent, message), [])
    const image = "data:image/png;base64,iVBORw0KGgo="
    const emoji = call("POST", `${guild}/emojis`, { name: "skip", image })
    assert.deepStrictEqual(problemsOf<APIEmoji>(emoji, { id: "string?", name: "string?" }), [])
    const sound: Fields<APISoundboardSound> = {
      name: "string",
      sound_id: "string",
      volume: "number",
      emoji_id: "string?",
      emoji_name: "string?",
      available: "boolean"
    }
    assert.deepStrictEqual(problemsOf<APISoundboardSound>(list("/soundboard-default-sounds")[0], sound), [])
    const planned = call("POST", `${guild}/scheduled-events`, {
      name: "concert",
      privacy_level: 2,
      entity_type: 2,
      channel_id: h.lobby,
      scheduled_start_time: new Date(1_000).toISOString()
    })
    const event: Fields<APIVoiceGuildScheduledEvent> = {
      id: "string",
      guild_id: "string",
      channel_id: "string",
      name: "string",
      scheduled_start_time: "string",
      scheduled_end_time: "string?",
      privacy_level: "number",
      status: "number",
      entity_type: "number",
      entity_id: "string?",
      entity_metadata: "null",
      recurrence_rule: "object?"
    }
    assert.deepStrictEqual(problemsOf<APIVoiceGuildScheduledEvent>(planned, event), [])
    const region: Fields<APIVoiceRegion> = {
      id: "string",
      name: "string",
      optimal: "boolean",
      deprecated: "boolean",
      custom: "boolean"
    }
    assert.deepStrictEqual(problemsOf<APIVoiceRegion>(list("/voice/regions")[0], region), [])
    const made = call("POST", `/applications/${h.bot.id}/commands`, { name: "play", description: "Plays" })
    const command: Fields<APIApplicationCommand> = {
      id: "string",
      type: "number",
      application_id: "string",
      name: "string",
      description: "string",
      default_member_permissions: "string?",
      version: "string"
    }
    assert.deepStrictEqual(problemsOf<APIApplicationCommand>(made, command), [])
    const log = call("GET", `${guild}/audit-logs`)
    const fields: Fields<APIAuditLog> = {
      application_commands: "array",
      audit_log_entries: "array",
      auto_moderation_rules: "array",
      guild_scheduled_events: "array",
      integrations: "array",
      threads: "array",
      users: "array",
      webhooks: "array"
    }
    assert.deepStrictEqual(problemsOf<APIAuditLog>(log, fields), [])
    const [entry] = log["audit_log_entries"] as ReadonlyArray<Json>
    const entryFields: Fields<APIAuditLogEntry> = {
      id: "string",
      user_id: "string?",
      target_id: "string?",
      action_type: "number"
    }
    assert.deepStrictEqual(problemsOf<APIAuditLogEntry>(entry, entryFields), [])
  })
})
