import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as Body from "../../../../src/emulator/core/http/Body.ts"
import * as Choices from "../../../../src/emulator/core/interactions/Choices.ts"
import * as Modal from "../../../../src/emulator/core/interactions/Modal.ts"
import type { SentFile } from "../../../../src/emulator/core/messages/Sent.ts"
import * as Random from "../../../../src/emulator/core/Random.ts"
import * as World from "../../../../src/emulator/core/World.ts"
import { ChannelId, GuildId, UserId } from "../../../../src/protocol/Identifier.ts"

type Json = { readonly [key: string]: unknown }

const setup = () => {
  const world = World.make(Random.make(1))
  const guild = World.addGuild(world, { id: GuildId.make("100"), name: "guild" })
  const lobby = ChannelId.make("200")
  World.addChannel(world, {
    id: lobby,
    guildId: guild.id,
    name: "lobby",
    kind: "voice",
    e2ee: "optional",
    userLimit: 0,
    bitrate: 64_000
  })
  const guest = UserId.make("300")
  World.addUser(world, {
    id: guest,
    name: "guest",
    bot: false,
    moderator: false,
    privilegedIntents: true,
    token: undefined,
    guilds: undefined
  })
  return { world, guild, lobby, guest }
}

const keep = (files: ReadonlyArray<SentFile>) =>
  files.map(({ name }) => ({
    id: `kept ${name}`,
    name,
    description: undefined,
    more: {},
    contentType: "audio/ogg",
    size: 1,
    url: ""
  }))

const label = (component: Json) => ({ type: 18, label: "It", component: { custom_id: "it", ...component } })

const row = (input: Json) => ({ type: 1, components: [{ type: 4, custom_id: "it", ...input }] })

const form = (...components: ReadonlyArray<unknown>) =>
  Modal.read({ custom_id: "form", title: "Form", components }) ?? assert.fail("it is a form")

const options = [{ label: "A", value: "a" }, { label: "B", value: "b", default: true }, { label: "C", value: "c" }]

describe("Modal", () => {
  it("is accepted with the limits that Discord has", () => {
    const components = [row({}), { type: 10, content: "text" }]
    assert.deepStrictEqual(Modal.read({ custom_id: "form", title: "Form", components }), {
      customId: "form",
      title: "Form",
      components
    })
    const of = (...components: ReadonlyArray<unknown>) => ({ custom_id: "form", title: "Form", components })
    const wrong = [
      undefined,
      [],
      { ...of(row({})), custom_id: "" },
      { ...of(row({})), custom_id: "x".repeat(101) },
      { ...of(row({})), title: "x".repeat(46) },
      { ...of(), components: {} },
      of(),
      of(...Array.from({ length: 6 }, () => ({ type: 10, content: "text" }))),
      of(row({}), null),
      of(row({}), row({})),
      of({ type: 4, custom_id: "it" }),
      of({ type: 1, components: [] }),
      of({ type: 1, components: [{ type: 4, custom_id: "a" }, { type: 4, custom_id: "b" }] }),
      of(row({ type: 3 })),
      of(row({ custom_id: "" })),
      of(label({ type: 2 })),
      of(label({ type: 3, custom_id: undefined }))
    ]
    for (const data of wrong) assert.isUndefined(Modal.read(data), JSON.stringify(data))
  })

  it("is filled in with the values of the user, or with the defaults of the bot", () => {
    const { guest, guild, lobby, world } = setup()
    const answer = (component: unknown, value?: Modal.Values[string]) => {
      const filled = Modal.fill(world, guild, guest, form(component), value === undefined ? {} : { it: value }, keep)
      if ("problem" in filled) return filled.problem
      const [only] = filled.components
      const inner = only?.["component"] ?? Body.itemsOf(only?.["components"])[0]
      const { custom_id: _, id: __, type: ___, ...given }: Json = { ...(inner as Json) }
      return given
    }
    // Text inputs.
    assert.deepStrictEqual(answer(row({}), "x"), { value: "x" })
    assert.deepStrictEqual(answer(row({ value: "y" })), { value: "y" })
    assert.deepStrictEqual(answer(row({ value: "y" }), "x"), { value: "x" })
    assert.deepStrictEqual(answer(label({ type: 4, required: false })), { value: "" })
    assert.deepStrictEqual(answer(row({ required: false, min_length: 2 }), ""), { value: "" })
    assert.strictEqual(answer(row({})), "its input \"it\" is missing")
    assert.strictEqual(answer(row({ min_length: 2 }), "x"), "its input \"it\" must have at least 2 characters")
    assert.strictEqual(answer(row({ max_length: 2 }), "xyz"), "its input \"it\" must have at most 2 characters")
    assert.strictEqual(answer(row({}), "x".repeat(4_001)), "its input \"it\" must have at most 4000 characters")
    assert.strictEqual(answer(row({}), ["x"]), "its input \"it\" must be a string")
    // Menus, checkboxes and radio buttons.
    const menu = label({ type: 3, options })
    assert.deepStrictEqual(answer(menu), { values: ["b"] })
    assert.deepStrictEqual(answer(menu, ["a"]), { values: ["a"] })
    assert.strictEqual(answer(menu, ["a", "b"]), "its input \"it\" must have at most 1 selected")
    assert.strictEqual(answer(menu, ["d"]), "its input \"it\" has no choice \"d\"")
    assert.strictEqual(answer(menu, []), "its input \"it\" is missing")
    assert.strictEqual(answer(menu, "a"), "its input \"it\" must be a list")
    assert.deepStrictEqual(answer(label({ type: 3, options, required: false }), []), { values: [] })
    const two = label({ type: 3, options, min_values: 2, max_values: 3 })
    assert.strictEqual(answer(two, ["a"]), "its input \"it\" must have at least 2 selected")
    assert.deepStrictEqual(answer(two, ["a", "c"]), { values: ["a", "c"] })
    assert.deepStrictEqual(answer(label({ type: 22, options }), ["a", "b", "c"]), { values: ["a", "b", "c"] })
    const radio = label({ type: 21, options })
    assert.deepStrictEqual(answer(radio), { value: "b" })
    assert.deepStrictEqual(answer(radio, "c"), { value: "c" })
    assert.strictEqual(answer(radio, "d"), "its input \"it\" has no choice \"d\"")
    assert.strictEqual(answer(radio, true), "its input \"it\" must be a string")
    assert.strictEqual(answer(label({ type: 21, options: [] })), "its input \"it\" is missing")
    assert.deepStrictEqual(answer(label({ type: 21, options: [], required: false })), { value: null })
    assert.deepStrictEqual(answer(label({ type: 23 })), { value: false })
    assert.deepStrictEqual(answer(label({ type: 23, default: true })), { value: true })
    assert.deepStrictEqual(answer(label({ type: 23, default: true }), false), { value: false })
    assert.strictEqual(answer(label({ type: 23 }), "x"), "its input \"it\" must be true or false")
    // Users, channels and roles.
    const who = label({ type: 5, default_values: [{ id: guest, type: "user" }] })
    assert.deepStrictEqual(answer(who), { values: [guest] })
    assert.strictEqual(answer(who, ["1"]), "its input \"it\" has an unknown value: no user has the id 1")
    assert.deepStrictEqual(answer(label({ type: 8 }), [lobby]), { values: [lobby] })
    assert.strictEqual(answer(label({ type: 6 }), ["1"]), "its input \"it\" has an unknown value: no role has the id 1")
    // Files.
    const song = { name: "song.ogg", data: Uint8Array.of(1), contentType: undefined, description: undefined }
    assert.deepStrictEqual(answer(label({ type: 19, required: false })), { values: [] })
    assert.deepStrictEqual(answer(label({ type: 19 }), [song]), { values: ["kept song.ogg"] })
    assert.strictEqual(answer(label({ type: 19 })), "its input \"it\" is missing")
    assert.strictEqual(answer(label({ type: 19 }), ["x"]), "its input \"it\" only accepts files")
    assert.strictEqual(answer(label({ type: 19 }), true), "its input \"it\" must be a list")
    assert.strictEqual(answer(label({ type: 19 }), [song, song]), "its input \"it\" must have at most 1 selected")
    assert.strictEqual(answer(menu, [song]), "its input \"it\" does not accept files")
    const large = { ...song, data: new Uint8Array(10 * 1024 * 1024 + 1) }
    assert.include(answer(label({ type: 19 }), [large]), "has an invalid file: a file can have at most")
    // Properties that every object inherits are not values.
    const named = Modal.fill(world, guild, guest, form(row({ custom_id: "toString", required: false })), {}, keep)
    assert.notProperty(named, "problem")
    assert.deepStrictEqual(Modal.fill(world, guild, guest, form(row({})), { it: "x", other: "y" }, keep), {
      problem: "it has no input \"other\""
    })
  })

  it.prop("never throws, whatever a bot sends", [Schema.Json], ([data]) => {
    const { guest, guild, world } = setup()
    assert.doesNotThrow(() => Choices.read(data))
    for (const component of [data, label({ type: 3, options: data }), row({ value: data, min_length: data })]) {
      const modal = Modal.read({ custom_id: "form", title: "Form", components: [component] })
      if (modal !== undefined) assert.doesNotThrow(() => Modal.fill(world, guild, guest, modal, { it: "x" }, keep))
    }
  })
})
