import { assert, describe, it } from "@effect/vitest"
import * as Harness from "./Harness.ts"

type Json = { readonly [key: string]: unknown }

const setup = () => {
  const h = Harness.make()
  const guest = h.core.createUser({ name: "guest" })
  const client = h.login()
  const call = (method: string, path: string, body: unknown) => {
    const { body: answer, status } = h.core.rest({
      method,
      path: `/api/v10${path}`,
      authorization: `Bot ${h.bot.token}`,
      body: typeof body === "string" ? body : JSON.stringify(body)
    })
    return { status, json: { ...(typeof answer === "object" ? answer : {}) } as Json }
  }
  const path = `/channels/${h.lobby}/messages`
  const post = (body: unknown) => call("POST", path, body)
  /** The errors of a refused message, in the form in which libraries print them. */
  const wrong = (body: unknown) => said(post(body).json)
  const begin = () => {
    const begun = h.core.type({ userId: guest.id, botId: h.bot.id, channelId: h.lobby, path: ["play"], values: {} })
    return "problem" in begun ? assert.fail(begun.problem) : begun
  }
  const suggest = () => {
    const named = { userId: guest.id, botId: h.bot.id, channelId: h.lobby, path: ["play"] }
    assert.notProperty(h.core.suggest({ ...named, values: {}, focused: "what" }), "problem")
  }
  /** Answers the last interaction. */
  const callback = (body: unknown) => {
    const { id, token }: Json = { ...client.events("INTERACTION_CREATE").at(-1) }
    return call("POST", `/interactions/${id}/${token}/callback`, body)
  }
  const answer = (body: unknown) => {
    begin()
    return callback(body)
  }
  const edit = (body: unknown) => {
    const { token }: Json = { ...client.events("INTERACTION_CREATE").at(-1) }
    return call("PATCH", `/webhooks/${h.bot.id}/${token}/messages/@original`, body)
  }
  return { h, guest, call, path, post, wrong, begin, suggest, callback, answer, edit }
}

const said = ({ code, errors }: Json): ReadonlyArray<string> => {
  if (code !== 50035) return [`no errors but ${String(code)}`]
  const within = (value: unknown, path: string): ReadonlyArray<string> =>
    Object.entries({ ...(typeof value === "object" ? value : {}) } as Json).flatMap(([key, inner]) =>
      key === "_errors" && Array.isArray(inner)
        ? inner.map((error: Json) => `${path}[${error["code"]}]: ${error["message"]}`)
        : within(inner, path === "" ? key : `${path}.${key}`)
    )
  return within(errors, "")
}

const x = (length: number) => "x".repeat(length)
const tooLong = (path: string, most: number) => `${path}[BASE_TYPE_MAX_LENGTH]: Must be ${most} or fewer in length.`
const badLength = (path: string, least: number, most: number) =>
  `${path}[BASE_TYPE_BAD_LENGTH]: Must be between ${least} and ${most} in length.`
const missing = (path: string) => `${path}[BASE_TYPE_REQUIRED]: This field is required`
const button = (more: Json = {}) => ({ type: 2, style: 1, label: "Skip", custom_id: "skip", ...more })
const row = (...components: ReadonlyArray<unknown>) => ({ type: 1, components })
const menu = (more: Json = {}) => ({ type: 3, custom_id: "menu", options: [{ label: "a", value: "a" }], ...more })

describe("limits of messages", () => {
  it("are reported for each field", () => {
    const { call, guest, h, path, post, wrong } = setup()
    assert.deepStrictEqual(post({ content: "x", embeds: [{ title: x(257) }] }), {
      status: 400,
      json: {
        message: "Invalid Form Body",
        code: 50035,
        errors: {
          embeds: {
            0: { title: { _errors: [{ code: "BASE_TYPE_MAX_LENGTH", message: "Must be 256 or fewer in length." }] } }
          }
        }
      }
    })
    assert.deepStrictEqual(wrong({ content: x(2_001), embeds: [{}] }), [
      tooLong("content", 2_000),
      missing("embeds.0.description")
    ])
    // An emoji of two UTF-16 code units is one character.
    assert.strictEqual(post({ content: "🎵".repeat(2_000) }).status, 200)
    const written = { userId: guest.id, channelId: h.lobby, content: "🎵".repeat(2_000) }
    assert.notProperty(h.core.write(written), "problem")
    assert.deepStrictEqual(h.core.write({ ...written, content: "🎵".repeat(2_001) }), {
      problem: "a message can have at most 2000 characters"
    })
    const { id } = post({ content: "x" }).json
    assert.deepStrictEqual(said(call("PATCH", `${path}/${id}`, { embeds: [{ title: x(257) }] }).json), [
      tooLong("embeds.0.title", 256)
    ])
    assert.deepStrictEqual(wrong({ content: "x", message_reference: { message_id: "1" } }), [
      "message_reference[REPLIES_UNKNOWN_MESSAGE]: Unknown message"
    ])
    assert.deepStrictEqual(said(call("GET", `${path}?limit=101`, undefined).json), [
      "limit[NUMBER_TYPE_MAX]: int value should be less than or equal to 100."
    ])
    assert.deepStrictEqual(said(call("GET", `${path}?limit=x`, undefined).json), [
      "limit[NUMBER_TYPE_COERCE]: Value \"x\" is not int."
    ])
    assert.strictEqual(h.core.counters().get("rest-refused:50035"), 6)
  })

  it("apply to embeds", () => {
    const { post, wrong } = setup()
    const embed = (more: Json) => wrong({ embeds: [{ title: "x", ...more }] })
    assert.deepStrictEqual(wrong({ embeds: Array.from({ length: 11 }, () => ({ title: "x" })) }), [
      tooLong("embeds", 10)
    ])
    assert.strictEqual(post({ embeds: Array.from({ length: 10 }, () => ({ title: "x" })) }).status, 200)
    assert.deepStrictEqual(wrong({ embeds: [{ color: 1 }] }), [missing("embeds.0.description")])
    assert.deepStrictEqual(wrong({ embeds: ["x"] }), [
      "embeds.0[DICT_TYPE_CONVERT]: Only dictionaries may be used in a DictType"
    ])
    const noItem = "[LIST_ITEM_VALUE_REQUIRED]: List item values of ModelType are required"
    assert.deepStrictEqual(wrong({ embeds: [null] }), [`embeds.0${noItem}`])
    assert.deepStrictEqual(embed({ fields: [null] }), [`embeds.0.fields.0${noItem}`])
    assert.deepStrictEqual(embed({ description: x(4_097) }), [tooLong("embeds.0.description", 4_096)])
    assert.deepStrictEqual(embed({ footer: { text: x(2_049) } }), [tooLong("embeds.0.footer.text", 2_048)])
    assert.deepStrictEqual(embed({ author: { name: x(257) } }), [tooLong("embeds.0.author.name", 256)])
    assert.deepStrictEqual(embed({ author: {} }), [missing("embeds.0.author.name")])
    const fields = [{ name: x(257), value: "x" }, { name: " ", value: x(1_025) }, { name: "x" }]
    assert.deepStrictEqual(embed({ fields }), [
      tooLong("embeds.0.fields.0.name", 256),
      missing("embeds.0.fields.1.name"),
      tooLong("embeds.0.fields.1.value", 1_024),
      missing("embeds.0.fields.2.value")
    ])
    const many = Array.from({ length: 26 }, () => ({ name: "x", value: "x" }))
    assert.deepStrictEqual(embed({ fields: many }), [tooLong("embeds.0.fields", 25)])
    assert.deepStrictEqual(embed({ color: 0x100_0000 }), [
      "embeds.0.color[NUMBER_TYPE_MAX]: int value should be less than or equal to 16777215."
    ])
    assert.deepStrictEqual(embed({ url: "nowhere", image: { url: "file:///x" } }), [
      "embeds.0.url[URL_TYPE_INVALID_URL]: Not a well formed URL.",
      "embeds.0.image.url[URL_TYPE_INVALID_SCHEME]: Scheme \"file\" is not supported. Scheme must be one of ('http', 'https')."
    ])
    const whole = { description: x(3_000), image: { url: "attachment://x.png" }, fields: [{ name: x(2), value: x(3) }] }
    assert.deepStrictEqual(wrong({ embeds: [whole, { ...whole, author: { name: "x" } }] }), [
      "embeds[MAX_EMBED_SIZE_EXCEEDED]: Embed size exceeds maximum size of 6000"
    ])
    assert.strictEqual(post({ embeds: [whole, { description: x(2_995) }] }).status, 200)
    assert.lengthOf(wrong({ embeds: [whole, { description: x(2_996) }] }), 1)
    assert.strictEqual(post({ embeds: [{ fields: whole.fields }] }).status, 200)
  })

  it("apply to rows of buttons and menus", () => {
    const { post, wrong } = setup()
    const inRow = (...components: ReadonlyArray<unknown>) => wrong({ content: "x", components: [row(...components)] })
    const at = "components.0.components.0"
    const buttons = (length: number, start = 0) =>
      Array.from({ length }, (_, i) => button({ custom_id: String(start + i) }))
    const rows = (length: number) => Array.from({ length }, (_, i) => row(...buttons(5, 5 * i)))
    assert.strictEqual(post({ components: rows(5) }).status, 200)
    assert.deepStrictEqual(wrong({ components: rows(6) }), [tooLong("components", 5)])
    assert.deepStrictEqual(inRow(...buttons(6)), [badLength("components.0.components", 1, 5)])
    assert.deepStrictEqual(inRow(), [badLength("components.0.components", 1, 5)])
    assert.deepStrictEqual(wrong({ components: [button()] }), [
      "components.0[UNION_TYPE_CHOICES]: Value of field \"type\" must be one of (1,)."
    ])
    assert.deepStrictEqual(inRow({ type: 4, custom_id: "x" }), [
      `${at}[UNION_TYPE_CHOICES]: Value of field "type" must be one of (2, 3, 5, 6, 7, 8).`
    ])
    assert.deepStrictEqual(inRow(button(), button()), [
      "components.0.components.1.custom_id[COMPONENT_CUSTOM_ID_DUPLICATED]: Component custom id cannot be duplicated"
    ])
    assert.deepStrictEqual(inRow(button({ label: x(81), custom_id: x(101) })), [
      tooLong(`${at}.label`, 80),
      badLength(`${at}.custom_id`, 1, 100)
    ])
    assert.deepStrictEqual(inRow(button({ custom_id: undefined })), [missing(`${at}.custom_id`)])
    assert.deepStrictEqual(inRow(button({ style: 5 })), [missing(`${at}.url`)])
    assert.deepStrictEqual(inRow(button({ style: 6 })), [missing(`${at}.sku_id`)])
    assert.deepStrictEqual(inRow(button({ style: 7 })), [
      `${at}.style[BASE_TYPE_CHOICES]: Value must be one of {1, 2, 3, 4, 5, 6}.`
    ])
    assert.deepStrictEqual(inRow(menu(), button()), [
      "components.0.components.1[COMPONENT_LAYOUT_WIDTH_EXCEEDED]: The specified component exceeds the maximum width"
    ])
    assert.deepStrictEqual(inRow(menu({ options: [], placeholder: x(151), max_values: 26 })), [
      tooLong(`${at}.placeholder`, 150),
      `${at}.max_values[NUMBER_TYPE_MAX]: int value should be less than or equal to 25.`,
      badLength(`${at}.options`, 1, 25)
    ])
    const option = { label: "a", value: "a" }
    assert.deepStrictEqual(inRow(menu({ options: [option, option, { label: x(101), description: x(101) }] })), [
      `${at}.options.1[SELECT_COMPONENT_OPTION_VALUE_DUPLICATED]: The specified option value is already used`,
      badLength(`${at}.options.2.label`, 1, 100),
      missing(`${at}.options.2.value`),
      tooLong(`${at}.options.2.description`, 100)
    ])
    assert.deepStrictEqual(inRow(menu({ options: [{ label: null, value: null }] })), [
      missing(`${at}.options.0.label`),
      missing(`${at}.options.0.value`)
    ])
    assert.strictEqual(post({ components: [row({ type: 5, custom_id: "who" })] }).status, 200)
  })

  it("apply to components V2 messages", () => {
    const { call, path, post, wrong } = setup()
    const flags = 1 << 15
    const text = (content: string) => ({ type: 10, content })
    const thumbnail = { type: 11, media: { url: "https://emulator/x.png" } }
    const section = { type: 9, components: [text("x")], accessory: thumbnail }
    const gallery = { type: 12, items: [{ media: { url: "attachment://x.png" } }] }
    const container = { type: 17, components: [section, gallery, { type: 14 }, row(button())] }
    const { json, status } = post({ flags, components: [text("x"), container] })
    assert.strictEqual(status, 200)
    const legacy = "cannot be used when using MessageFlags.IS_COMPONENTS_V2"
    const code = "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2"
    assert.deepStrictEqual(said(call("PATCH", `${path}/${json["id"]}`, { content: "x" }).json), [
      `content[${code}]: The 'content' field ${legacy}`
    ])
    assert.strictEqual(call("PATCH", `${path}/${json["id"]}`, { components: [text("y")] }).status, 200)
    const of = (...components: ReadonlyArray<unknown>) => wrong({ flags, components })
    assert.deepStrictEqual(of({ ...container, components: [container] }), [
      "components.0.components.0[UNION_TYPE_CHOICES]: Value of field \"type\" must be one of (1, 9, 10, 12, 13, 14)."
    ])
    assert.deepStrictEqual(of({ ...section, components: [], accessory: undefined }), [
      badLength("components.0.components", 1, 3),
      missing("components.0.accessory")
    ])
    assert.deepStrictEqual(of({ type: 12, items: [] }, { type: 12, items: [{}, 1] }), [
      badLength("components.0.items", 1, 10),
      missing("components.1.items.0.media"),
      "components.1.items.1[DICT_TYPE_CONVERT]: Only dictionaries may be used in a DictType"
    ])
    assert.deepStrictEqual(of({ type: 13 }, { type: 13, file: { url: "attachment://a.txt" } }), [
      missing("components.0.file")
    ])
    assert.deepStrictEqual(of(text(x(2_001)), text(x(2_000))), [
      "components[COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED]: Displayable text size exceeds maximum size of 4000"
    ])
    assert.lengthOf(of(...Array.from({ length: 41 }, () => text("x"))), 1)
    assert.lengthOf(wrong({ components: [text("x")] }), 1)
  })

  it("apply to the existing fields of a message that changes to components V2", () => {
    const { begin, call, callback, edit: editAnswer, guest, path, post } = setup()
    const flags = 1 << 15
    const components = [{ type: 10, content: "x" }]
    const refused = (field: string) =>
      `${field}[MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2]: The '${
        field.replace("data.", "")
      }' field cannot ` +
      "be used when using MessageFlags.IS_COMPONENTS_V2"
    const poll = { question: { text: "Again?" }, answers: [{ poll_media: { text: "Yes" } }] }
    const { id } = post({ content: "x", embeds: [{ title: "x" }] }).json
    const { id: ofPoll } = post({ poll }).json
    const edit = (id: unknown, body: unknown) => call("PATCH", `${path}/${id}`, body)
    assert.deepStrictEqual(said(edit(id, { flags, components }).json), [refused("content"), refused("embeds")])
    assert.deepStrictEqual(said(edit(id, { flags, components, content: null }).json), [refused("embeds")])
    assert.deepInclude(edit(id, { flags, components, content: null, embeds: [] }).json, { content: "", flags })
    assert.deepStrictEqual(said(edit(ofPoll, { flags, components }).json), [refused("poll")])
    assert.notProperty(edit(ofPoll, { flags, components, poll: null }).json, "poll")
    assert.strictEqual(edit(ofPoll, { components: [{ type: 10, content: "y" }] }).status, 200)

    const typed = begin()
    callback({ type: 4, data: { content: "x", components: [row(button())] } })
    assert.deepStrictEqual(said(editAnswer({ flags, components }).json), [refused("content")])
    assert.notProperty(typed.press(guest.id, "skip", []), "problem")
    const update = { flags, components }
    assert.deepStrictEqual(said(callback({ type: 7, data: update }).json), [refused("data.content")])
    assert.strictEqual(callback({ type: 7, data: { ...update, content: null } }).status, 204)
  })

  it("apply to polls, which are shown as they were sent, and stickers are refused", () => {
    const { h, post, wrong } = setup()
    const answers = ["Yes", "No"].map((text) => ({ poll_media: { text } }))
    const { json, status } = post({ poll: { question: { text: "Again?" }, answers, duration: 1, emoji: "x" } })
    assert.strictEqual(status, 200)
    const { expiry, ...poll } = { ...(json["poll"] as Json) }
    assert.deepStrictEqual(poll, {
      question: { text: "Again?" },
      answers: [{ answer_id: 1, poll_media: { text: "Yes" } }, { answer_id: 2, poll_media: { text: "No" } }],
      allow_multiselect: false,
      layout_type: 1,
      results: { is_finalized: false, answer_counts: [] }
    })
    assert.strictEqual(Date.parse(String(expiry)) - Date.parse(String(json["timestamp"])), 3_600_000)
    assert.deepInclude(h.core.messagesOf(h.lobby)[0]?.poll, { question: { text: "Again?" } })
    assert.deepStrictEqual(wrong({ poll: { question: {}, answers: [{}], duration: 769 } }), [
      missing("poll.question.text"),
      "poll.duration[NUMBER_TYPE_MAX]: int value should be less than or equal to 768.",
      missing("poll.answers.0.poll_media")
    ])
    for (const count of [0, 11]) {
      const many = Array.from({ length: count }, () => answers[0])
      assert.deepStrictEqual(wrong({ poll: { question: { text: "Again?" }, answers: many } }), [
        badLength("poll.answers", 1, 10)
      ])
    }
    assert.deepStrictEqual(post({ content: "x", sticker_ids: ["1"] }), {
      status: 400,
      json: { message: "Invalid sticker sent", code: 50081 }
    })
  })

  it("apply to answers to interactions and to forms", () => {
    const { answer } = setup()
    assert.deepStrictEqual(said(answer({ type: 4, data: { embeds: [{ title: x(257) }] } }).json), [
      tooLong("data.embeds.0.title", 256)
    ])
    assert.deepStrictEqual(said(answer({ type: 4, data: { components: [row(button({ label: x(81) }))] } }).json), [
      tooLong("data.components.0.components.0.label", 80)
    ])
    const input = row({ type: 4, custom_id: "it", label: "It", style: 1 })
    assert.deepStrictEqual(
      said(answer({ type: 9, data: { custom_id: x(101), title: "", components: [input, input, 1] } }).json),
      [
        badLength("data.custom_id", 1, 100),
        missing("data.title"),
        "data.components.1.custom_id[COMPONENT_CUSTOM_ID_DUPLICATED]: Component custom id cannot be duplicated",
        "data.components.2[DICT_TYPE_CONVERT]: Only dictionaries may be used in a DictType"
      ]
    )
    const text = (custom_id: unknown) => ({ type: 4, custom_id, label: "It", style: 1 })
    const label = (component?: unknown) => ({ type: 18, label: "It", component })
    const form = [row(text(x(101))), row(text("a"), text("b")), label(), label(text(undefined)), { type: 2 }]
    assert.deepStrictEqual(said(answer({ type: 9, data: { custom_id: 5, title: "x", components: form } }).json), [
      missing("data.custom_id"),
      badLength("data.components.0.components.0.custom_id", 1, 100),
      badLength("data.components.1.components", 1, 1),
      missing("data.components.2.component"),
      missing("data.components.3.component.custom_id"),
      "data.components.4[UNION_TYPE_CHOICES]: Value of field \"type\" must be one of (1, 10, 18)."
    ])
    assert.strictEqual(
      answer({ type: 9, data: { custom_id: "x", title: "🎵".repeat(45), components: [input] } }).status,
      204
    )
    assert.deepStrictEqual(said(answer({ type: 1 }).json), [
      "type[BASE_TYPE_CHOICES]: Value must be one of {4, 5, 6, 7, 8, 9}."
    ])
    assert.strictEqual(answer({ type: 9, data: { custom_id: "form", title: "Form", components: [input] } }).status, 204)
  })

  it("apply to suggestions", () => {
    const { callback, h, suggest } = setup()
    suggest()
    assert.deepStrictEqual(
      said(callback("{\"type\":8,\"data\":{\"choices\":[{\"name\":\"x\",\"value\":1e999}]}}").json),
      [
        missing("data.choices.0.value")
      ]
    )
    const choices = [{ name: "🎵".repeat(100), value: "🎵".repeat(100) }]
    assert.strictEqual(callback({ type: 8, data: { choices } }).status, 204)
    assert.strictEqual(h.core.counters().get("rest-refused:50035"), 1)
  })

  it("apply to commands", () => {
    const { call, h } = setup()
    const path = `/applications/${h.bot.id}/commands`
    assert.deepStrictEqual(said(call("POST", path, { name: "x", type: 5 }).json), [
      "type[BASE_TYPE_CHOICES]: Value must be one of {1, 2, 3, 4}."
    ])
    assert.deepStrictEqual(said(call("PUT", path, [{ name: "x", description: "It" }, {}]).json), [
      missing("1.name"),
      missing("1.description")
    ])
    const option = { name: "what", description: "It", type: 3 }
    const wrong = (command: object) => said(call("POST", path, { name: "x", description: "It", ...command }).json)
    const invalid = (at: string) => `${at}name[APPLICATION_COMMAND_INVALID_NAME]: Command name is invalid`
    for (const name of ["Play", "play it", "x".repeat(33)]) assert.deepStrictEqual(wrong({ name }), [invalid("")])
    assert.deepStrictEqual(wrong({ options: [{ ...option, name: "What" }] }), [invalid("options.0.")])
    assert.deepStrictEqual(wrong({ description: "x".repeat(101) }), [
      "description[BASE_TYPE_BAD_LENGTH]: Must be between 1 and 100 in length."
    ])
    assert.deepStrictEqual(wrong({ options: Array.from({ length: 26 }, (_, i) => ({ ...option, name: `${i}` })) }), [
      "options[BASE_TYPE_MAX_LENGTH]: Must be 25 or fewer in length."
    ])
    assert.deepStrictEqual(wrong({ options: [option, option] }), [
      "options[APPLICATION_COMMAND_OPTIONS_NAME_INVALID]: Option names must be unique"
    ])
    assert.deepStrictEqual(wrong({ options: [option, { ...option, name: "how", required: true }] }), [
      "options.1[APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID]: Required options must be placed before non-required options"
    ])
    assert.deepStrictEqual(wrong({ options: [{ ...option, choices: [{ name: "x" }] }] }), [
      missing("options.0.choices.0.value")
    ])
    assert.deepStrictEqual(wrong({ options: [{ ...option, type: 12 }] }), [
      "options.0.type[BASE_TYPE_CHOICES]: Value must be one of {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}."
    ])
    assert.deepStrictEqual(wrong({ options: [{ ...option, type: 1, options: [{ ...option, name: "" }] }] }), [
      missing("options.0.options.0.name")
    ])
  })
})
