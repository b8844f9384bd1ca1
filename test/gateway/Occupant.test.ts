import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as Occupant from "../../src/gateway/Occupant.ts"
import * as GatewayPayload from "../../src/protocol/GatewayPayload.ts"
import { ChannelId, UserId } from "../../src/protocol/Identifier.ts"
import { flags } from "../session/rig.ts"

const channelId = ChannelId.make("20")
const ann = UserId.make("2")

const read = Schema.decodeUnknownSync(GatewayPayload.VoiceState)
const readGuild = Schema.decodeUnknownSync(GatewayPayload.GuildCreate)

const wire = { channel_id: channelId, user_id: ann, session_id: "session" }
const user = { id: ann, username: "ann.1", global_name: "Ann", bot: true }

describe("Occupant", () => {
  it("has the flags of the voice state, and shares them", () => {
    const plain = Occupant.of(read(wire), channelId)
    assert.deepStrictEqual(plain.flags, flags)
    const wired = [
      ["self_mute", "selfMute"],
      ["self_deaf", "selfDeaf"],
      ["mute", "mute"],
      ["deaf", "deaf"],
      ["suppress", "suppress"],
      ["self_video", "video"],
      ["self_stream", "streaming"]
    ] as const
    for (const [field, flag] of wired) {
      const one = Occupant.of(read({ ...wire, [field]: true }), channelId)
      assert.deepStrictEqual(one.flags, { ...flags, [flag]: true }, field)
      assert.strictEqual(Occupant.of(read({ ...wire, [field]: true }), channelId).flags, one.flags)
    }
    const all = Occupant.of(
      read({ ...wire, ...Object.fromEntries(wired.map(([field]) => [field, true])) }),
      channelId
    )
    assert.isTrue(Object.values(all.flags).every((flag) => flag))
  })

  it("has the name that the guild shows, and tells bots from users", () => {
    const named = (member: unknown) => {
      const { bot, name } = Occupant.of(read({ ...wire, member }), channelId)
      return [name, bot]
    }
    assert.deepStrictEqual(named({ nick: "Annie", user }), ["Annie", true])
    assert.deepStrictEqual(named({ nick: null, user }), ["Ann", true])
    assert.deepStrictEqual(named({ nick: "", user: { ...user, global_name: null } }), ["ann.1", true])
    assert.deepStrictEqual(named({ user: { id: ann, username: 5 } }), [undefined, false])
    assert.deepStrictEqual(named({ user: { id: ann, bot: "yes" } }), [undefined, false])
  })

  it("does not guess a name that nobody has told, and remembers one that was", () => {
    for (const member of [undefined, null, "ann", 5, [], {}, { user: null }, { user: "ann" }, { user: {} }]) {
      const unknown = Occupant.of(read({ ...wire, ...(member === undefined ? {} : { member }) }), channelId)
      assert.deepStrictEqual([unknown.name, unknown.bot], [undefined, undefined])
    }
    const former = Occupant.of(read({ ...wire, member: { user } }), channelId)
    const later = Occupant.of(read({ ...wire, self_mute: true }), channelId, former)
    assert.deepStrictEqual([later.name, later.bot, later.flags.selfMute], ["Ann", true, true])
  })

  it("finds the members of users in voice in GUILD_CREATE, whatever else is in the list", () => {
    const guild = {
      id: "10",
      voice_states: [wire],
      members: [null, 5, {}, { user: { id: "3" } }, { user }]
    }
    assert.deepStrictEqual([...Occupant.membersOf(readGuild(guild))], [[ann, { user }]])
    for (const members of [undefined, null, {}, "none"]) {
      assert.strictEqual(
        Occupant.membersOf(readGuild({ ...guild, ...(members === undefined ? {} : { members }) })).size,
        members === undefined ? 1 : 0
      )
    }
    assert.strictEqual(Occupant.membersOf(readGuild({ id: "10", members: [{ user }] })).size, 0)
  })
})
