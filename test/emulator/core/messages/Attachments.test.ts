import { assert, describe, it } from "@effect/vitest"
import { Intents } from "../../../../src/protocol/GatewayPayload.ts"
import * as Harness from "../Harness.ts"

type Json = { readonly [key: string]: unknown }

const boundary = "----form"

const part = (head: string, data: string | Uint8Array) => [`--${boundary}\r\n${head}\r\n\r\n`, data, "\r\n"]

/** A multipart form as discord.js sends it. */
const form = (payload: unknown, ...files: ReadonlyArray<readonly [name: string, type: string, data: Uint8Array]>) =>
  new Uint8Array(Buffer.concat(
    [
      ...files.flatMap(([name, type, data], i) =>
        part(
          `Content-Disposition: form-data; name="files[${i}]"; filename="${name}"\r\nContent-Type: ${type}`,
          data
        )
      ),
      ...part("Content-Disposition: form-data; name=\"payload_json\"", JSON.stringify(payload)),
      `--${boundary}--\r\n`
    ].map((piece) => Buffer.from(piece))
  ))

const png = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 13, 10, 13, 10, 0, 255)
const lyrics = Buffer.from("la la")

const setup = (intents: number = Intents.Guilds | Intents.GuildMessages | Intents.MessageContent) => {
  const h = Harness.make()
  h.core.setGatewayUrl("ws://127.0.0.1:8080")
  const guest = h.core.createUser({ name: "guest" })
  const dj = h.core.createUser({ name: "dj", bot: true, privilegedIntents: true })
  const client = h.login({ token: dj.token, intents })
  const call = (method: string, path: string, body?: unknown) => {
    const answer = h.core.rest({
      method,
      path,
      authorization: dj.token,
      body: body instanceof Uint8Array || body === undefined ? body : JSON.stringify(body)
    })
    return { ...answer, json: answer.body as Json }
  }
  const messages = `/channels/${h.lobby}/messages`
  const post = (payload: Json, ...files: ReadonlyArray<readonly [string, string, Uint8Array]>) =>
    call("POST", messages, form(payload, ...files))
  const filesOf = (message: Json | undefined) => message?.["attachments"] as ReadonlyArray<Json>
  const get = (url: unknown, range?: string) =>
    h.core.rest({
      method: "GET",
      path: new URL(String(url)).pathname,
      authorization: undefined,
      range,
      body: undefined
    })
  return { h, guest, dj, client, call, messages, post, filesOf, get }
}

describe("files of messages", () => {
  it("are listed in the message and served to everybody, byte for byte", () => {
    const { client, filesOf, get, h, post } = setup()
    const { json, status } = post(
      { attachments: [{ id: 1, description: "words" }, { id: "0", filename: "front cover.png" }] },
      ["cover.png", "image/png", png],
      ["lyrics.txt", "application/octet-stream", lyrics]
    )
    assert.strictEqual(status, 200)
    const [cover, text] = filesOf(json)
    const at = `http://127.0.0.1:8080/attachments/${h.lobby}/${cover?.["id"]}/front_cover.png`
    assert.deepStrictEqual(cover, {
      id: cover?.["id"],
      filename: "front_cover.png",
      size: 10,
      url: at,
      proxy_url: at,
      content_type: "image/png"
    })
    assert.deepInclude(text, {
      filename: "lyrics.txt",
      description: "words",
      content_type: "text/plain; charset=utf-8"
    })
    assert.deepStrictEqual(filesOf(client.events("MESSAGE_CREATE")[0]), filesOf(json))
    assert.deepStrictEqual(get(at).bytes, png)
    const headers = { "content-type": "image/png", "content-length": "10", "accept-ranges": "bytes" }
    assert.deepStrictEqual(get(at).headers, headers)
    const head = h.core.rest({ method: "HEAD", path: new URL(at).pathname, authorization: undefined, body: undefined })
    assert.deepStrictEqual(head, { status: 200, body: undefined, headers })
    assert.strictEqual(String(Buffer.from(get(text?.["url"]).bytes ?? [])), "la la")
    assert.strictEqual(get(at.replace(String(cover?.["id"]), "1")).status, 404)
    assert.strictEqual(get(at.replace(h.lobby, h.other)).status, 404)
    assert.strictEqual(
      h.core.rest({ method: "PUT", path: new URL(at).pathname, authorization: "", body: "" }).status,
      405
    )
    assert.deepStrictEqual(h.violations(), [])
  })

  it("are kept, removed and added by edits, and deleted with the message", () => {
    const { call, filesOf, get, messages, post } = setup()
    const { json } = post({}, ["a.txt", "text/plain", lyrics], ["b.txt", "text/plain", lyrics])
    const one = `${messages}/${json["id"]}`
    const names = (message: Json) => filesOf(message).map(({ filename }) => filename)
    const [a, b] = filesOf(json)
    assert.deepStrictEqual(names(call("PATCH", one, { content: "x" }).json), ["a.txt", "b.txt"])
    const edited = call(
      "PATCH",
      one,
      form({ attachments: [{ id: b?.["id"], description: "B" }, { id: 0 }] }, [
        "c.txt",
        "text/plain",
        lyrics
      ])
    )
    assert.deepStrictEqual(names(edited.json), ["b.txt", "c.txt"])
    assert.strictEqual(filesOf(edited.json)[0]?.["description"], "B")
    assert.strictEqual(get(a?.["url"]).status, 404)
    assert.strictEqual(get(b?.["url"]).status, 200)
    // Without text and without files, the message would be empty.
    assert.strictEqual(call("PATCH", one, { content: "", attachments: [] }).json["code"], 50006)
    assert.strictEqual(call("PATCH", one, { content: "" }).status, 200)
    assert.strictEqual(call("PATCH", one, { attachments: [] }).json["code"], 50006)
    assert.strictEqual(get(b?.["url"]).status, 200)
    call("DELETE", one)
    assert.strictEqual(get(b?.["url"]).status, 404)
  })

  it("that embeds or components refer to are shown only there", () => {
    const { call, filesOf, get, h, messages, post } = setup()
    const gallery = { type: 12, items: [{ media: { url: "attachment://b.png" } }] }
    const { json } = post(
      { embeds: [{ title: "x", thumbnail: { url: "attachment://my cover.png" } }] },
      ["my cover.png", "image/png", png],
      ["c.txt", "text/plain", lyrics]
    )
    const alone = post({ flags: 1 << 15, components: [gallery] }, ["b.png", "image/png", png]).json
    assert.deepStrictEqual(filesOf(alone), [])
    assert.deepStrictEqual(filesOf(json).map(({ filename }) => filename), ["c.txt"])
    const [cover, picture] = h.core.messagesOf(h.lobby).map(({ attachments }) => attachments[0])
    assert.deepStrictEqual(json["embeds"], [{ title: "x", thumbnail: { url: cover?.url } }])
    assert.deepStrictEqual(alone["components"], [{ type: 12, items: [{ media: { url: picture?.url } }] }])
    assert.deepStrictEqual(get(cover?.url).bytes, png)
    // The bot edits the embed that it received.
    const one = `${messages}/${json["id"]}`
    const again = call("PATCH", one, { embeds: json["embeds"] }).json
    assert.deepStrictEqual(filesOf(again).map(({ filename }) => filename), ["c.txt"])
    const without = call("PATCH", one, { embeds: [] }).json
    assert.deepStrictEqual(filesOf(without).map(({ filename }) => filename), ["my_cover.png", "c.txt"])
  })

  it("are limited in number and size as on Discord", () => {
    const { guest, h, post } = setup()
    const largest = 10 * 1024 * 1024
    const file = ["a.txt", "text/plain", lyrics] as const
    assert.strictEqual(post({}, ["a", "b/c", new Uint8Array(largest + 1)]).json["code"], 40005)
    assert.strictEqual(post({}, ["a", "b/c", new Uint8Array(largest)]).status, 200)
    for (const length of [11, 30]) {
      assert.strictEqual(post({}, ...Array.from({ length }, () => file)).json["code"], 50035)
    }
    const half = new Uint8Array(9 * 1024 * 1024)
    const three = Array.from({ length: 3 }, () => ["a", "b/c", half] as const)
    assert.deepInclude(post({}, ...three), { status: 413, json: { code: 40005, message: "Request entity too large" } })
    const write = (...files: ReadonlyArray<Uint8Array>) =>
      h.core.write({
        userId: guest.id,
        channelId: h.lobby,
        content: "",
        files: files.map((data) => ({ name: "a.mp3", description: undefined, contentType: undefined, data }))
      })
    assert.deepStrictEqual(write(), { problem: "the message is empty" })
    assert.deepStrictEqual(write(new Uint8Array(largest + 1)), { problem: `a file can have at most ${largest} bytes` })
    assert.deepStrictEqual(write(...Array.from({ length: 11 }, () => png)), {
      problem: "a message can have at most 10 files"
    })
    assert.deepStrictEqual(write(half, half, half), {
      problem: `the files of a message can have at most ${25 * 1024 * 1024} bytes in total`
    })
    const written = write(png)
    assert.deepInclude("problem" in written ? {} : written.attachments[0], { name: "a.mp3", contentType: "audio/mpeg" })
  })

  it("have no content type that would be invalid as a header", () => {
    const { get, guest, h } = setup()
    const written = h.core.write({
      userId: guest.id,
      channelId: h.lobby,
      content: "",
      files: ["text/html\r\nset-cookie: a=b", "text/\u00e9", "x".repeat(201), "text/plain"].map((contentType) => ({
        name: "a",
        description: undefined,
        contentType,
        data: lyrics
      }))
    })
    const unknown = "application/octet-stream"
    const attachments = "problem" in written ? [] : written.attachments
    assert.deepStrictEqual(attachments.map(({ contentType }) => contentType), [unknown, unknown, unknown, "text/plain"])
    assert.deepInclude(get(attachments[0]?.url).headers, { "content-type": unknown })
  })

  it("are limited to ten after an edit, including those that stay", () => {
    const { call, dj, filesOf, get, guest, h, client, messages, post } = setup()
    const file = ["a.txt", "text/plain", lyrics] as const
    const filesTimes = (n: number) => Array.from({ length: n }, () => file)
    const { json } = post({}, ...filesTimes(8))
    const one = `${messages}/${json["id"]}`
    const edit = (payload: Json, n: number) => call("PATCH", one, form(payload, ...filesTimes(n))).json
    assert.strictEqual(edit({}, 3)["code"], 50035)
    assert.lengthOf(filesOf(call("GET", one).json), 8)
    assert.lengthOf(filesOf(edit({}, 2)), 10)
    const [first] = filesOf(json)
    assert.strictEqual(edit({ attachments: [{ id: first?.["id"] }] }, 10)["code"], 50035)
    assert.strictEqual(get(first?.["url"]).status, 200)
    assert.lengthOf(filesOf(edit({ attachments: [{ id: first?.["id"] }] }, 9)), 10)
    // The same applies to the answer to a command.
    assert.notProperty(
      h.core.type({ userId: guest.id, botId: dj.id, channelId: h.lobby, path: ["x"], values: {} }),
      "problem"
    )
    const { id, token }: Json = { ...client.events("INTERACTION_CREATE").at(-1) }
    call("POST", `/interactions/${id}/${token}/callback`, form({ type: 4, data: {} }, ...filesTimes(10)))
    const original = `/webhooks/${dj.id}/${token}/messages/@original`
    assert.strictEqual(call("PATCH", original, form({}, file)).json["code"], 50035)
    assert.lengthOf(filesOf(call("GET", original).json), 10)
  })

  it("are served in ranges", () => {
    const { filesOf, get, post } = setup()
    const url = filesOf(post({}, ["a.mp3", "audio/mpeg", png]).json)[0]?.["url"]
    const part = (range: string) => {
      const { bytes, headers, status } = get(url, range)
      return [status, headers?.["content-range"], bytes === undefined ? undefined : Array.from(bytes)]
    }
    assert.deepStrictEqual(part("bytes=1-3"), [206, "bytes 1-3/10", [0x50, 0x4e, 0x47]])
    assert.strictEqual(get(url, "bytes=1-3").headers?.["content-length"], "3")
    assert.deepStrictEqual(part("bytes=8-"), [206, "bytes 8-9/10", [0, 255]])
    assert.deepStrictEqual(part("bytes=9-99"), [206, "bytes 9-9/10", [255]])
    assert.deepStrictEqual(part("bytes=-2"), [206, "bytes 8-9/10", [0, 255]])
    assert.deepStrictEqual(part("bytes=10-"), [416, "bytes */10", undefined])
    // Everything but a single valid range returns the whole file.
    for (const range of ["bytes=0-1,3-4", "bytes=3-1", "bytes=-", "lines=1-2", ""]) {
      assert.deepStrictEqual(part(range), [200, undefined, Array.from(png)], range)
    }
  })

  it("have names under which they can be downloaded", () => {
    const { filesOf, get, post } = setup()
    const names = (...sent: ReadonlyArray<string>) => {
      const files = filesOf(post({}, ...sent.map((name) => [name, "text/plain", lyrics] as const)).json)
      for (const { url } of files) {
        assert.strictEqual(get(url).status, 200, String(url))
        assert.strictEqual(new URL(String(url)).href, url)
      }
      return files.map(({ filename }) => filename)
    }
    assert.deepStrictEqual(names("", ".", "..", "..."), ["unknown", "unknown", "unknown", "..."])
    assert.deepStrictEqual(names(`${"x".repeat(300)}.txt`), [`${"x".repeat(196)}.txt`])
  })

  it("can come from libraries that name the form fields after the files", () => {
    const { call, filesOf, messages } = setup()
    const part = (head: string, data: string) =>
      `\r\n----------------Eris\r\nContent-Disposition: form-data; ${head}\r\n\r\n${data}`
    const body = part("name=\"cover.png\"; filename=\"cover.png\"", "x") +
      part("name=\"b.txt\"; filename=\"b.txt\"", "y") +
      part("name=\"payload_json\"", "{\"content\":\"both\"}")
    const { json } = call("POST", messages, new Uint8Array(Buffer.from(`${body}\r\n----------------Eris--`)))
    assert.deepInclude(json, { content: "both" })
    assert.deepStrictEqual(filesOf(json).map(({ filename }) => filename), ["cover.png", "b.txt"])
  })

  it("have limited descriptions, and limited JSON and text fields next to them", () => {
    const { call, filesOf, messages, post } = setup()
    const file = ["a.txt", "text/plain", lyrics] as const
    const described = (length: number) => post({ attachments: [{ id: 0, description: "x".repeat(length) }] }, file).json
    assert.lengthOf(String(filesOf(described(1_024))[0]?.["description"]), 1_024)
    assert.strictEqual(described(1_025)["code"], 50035)
    assert.strictEqual(post({ content: "x", nonce: "x".repeat(64 * 1024) }, file).json["code"], 40005)
    assert.strictEqual(call("POST", messages, { content: "x", nonce: "x".repeat(64 * 1024) }).json["code"], 40005)
    const text = (length: number) => {
      const parts = [...part("Content-Disposition: form-data; name=\"content\"", "x".repeat(length)), `--${boundary}--`]
      return call("POST", messages, new Uint8Array(Buffer.concat(parts.map((piece) => Buffer.from(piece)))))
    }
    assert.deepInclude(text(2_000).json, { content: "x".repeat(2_000) })
    assert.strictEqual(text(64 * 1024 + 1).json["code"], 40005)
    const { json } = post({}, file)
    const [{ id }] = filesOf(json) as readonly [Json]
    const edited = call("PATCH", `${messages}/${json["id"]}`, { attachments: [{ id, description: "x".repeat(1_025) }] })
    assert.strictEqual(edited.json["code"], 50035)
  })

  it("keep the fields of a voice message", () => {
    const { filesOf, post } = setup()
    const said = { title: "A song", duration_secs: 1.5, waveform: "AAD/" }
    const { json } = post({ flags: 1 << 13, attachments: [{ id: 0, ...said }] }, ["a.ogg", "audio/ogg", lyrics])
    assert.strictEqual(json["flags"], 1 << 13)
    assert.deepInclude(filesOf(json)[0], { ...said, filename: "a.ogg" })
    const long = post({ attachments: [{ id: 0, title: "x".repeat(1_025) }] }, ["a.ogg", "audio/ogg", lyrics]).json
    assert.nestedProperty(long, "errors.attachments.0.title")
    assert.doesNotHaveAnyKeys(filesOf(post({}, ["a.ogg", "audio/ogg", lyrics]).json)[0], ["title", "waveform"])
  })

  it("are not parsed for unknown interactions and tokens", () => {
    const { call, client, dj, guest, h } = setup()
    h.core.type({ userId: guest.id, botId: dj.id, channelId: h.lobby, path: ["x"], values: {} })
    const { id, token }: Json = { ...client.events("INTERACTION_CREATE").at(-1) }
    const answers = (id: unknown, owner: unknown, token: unknown) => [
      call("POST", `/interactions/${id}/${token}/callback`, new Uint8Array(Buffer.from("--no form"))).json["code"],
      call("POST", `/webhooks/${owner}/${token}`, new Uint8Array(Buffer.from("--no form"))).json["code"]
    ]
    assert.deepStrictEqual(answers(id, dj.id, "nobody's"), [10062, 50027])
    assert.deepStrictEqual(answers("1", "1", token), [10062, 10015])
    assert.deepStrictEqual(answers(id, dj.id, token), [50109, 50109])
  })

  it("of ephemeral messages are dropped with the channel, or when the bot can no longer change the message", () => {
    const { call, client, dj, get, guest, h } = setup()
    let now = 0
    const minutes = (n: number) => {
      for (let i = 0; i < 2 * n; i++) {
        h.core.advance(now += 30_000)
        client.send(Harness.heartbeat)
      }
    }
    const answered = (data: Json = { flags: 64 }) => {
      const begun = h.core.type({ userId: guest.id, botId: dj.id, channelId: h.lobby, path: ["x"], values: {} })
      assert(!("problem" in begun))
      const { id, token }: Json = { ...client.events("INTERACTION_CREATE").at(-1) }
      const path = `/interactions/${id}/${token}/callback`
      call("POST", path, form({ type: 4, data }, ["a.txt", "text/plain", lyrics]))
      return { begun, urls: () => begun.messages()[0]?.attachments.map(({ url }) => url) ?? [] }
    }
    const statuses = ({ urls }: ReturnType<typeof answered>) => urls().map((url) => get(url).status)
    const components = [{ type: 1, components: [{ type: 2, style: 1, custom_id: "more" }] }]
    const [secret, open, pressed] = [answered(), answered({}), answered({ flags: 64, components })]
    minutes(14)
    assert.deepStrictEqual([secret, open, pressed].map(statuses), [[200], [200], [200]])
    assert.notProperty(pressed.begun.press(guest.id, "more", []), "problem")
    const { id, token }: Json = { ...client.events("INTERACTION_CREATE").at(-1) }
    const update = form({ type: 7, data: {} }, ["b.txt", "text/plain", lyrics])
    assert.strictEqual(call("POST", `/interactions/${id}/${token}/callback`, update).status, 204)
    minutes(2)
    assert.deepStrictEqual([secret, open, pressed].map(statuses), [[404], [200], [200, 200]])
    minutes(14)
    assert.deepStrictEqual([secret, open, pressed].map(statuses), [[404], [200], [404, 404]])
    const last = answered()
    h.core.deleteChannel(h.lobby)
    assert.deepStrictEqual(statuses(last), [404])
  })

  it("are dropped, oldest first, when they take up too much space", () => {
    const { filesOf, get, post } = setup()
    const data = new Uint8Array(10 * 1024 * 1024)
    const urls = Array.from({ length: 26 }, () => filesOf(post({}, ["a", "b/c", data]).json)[0]?.["url"])
    assert.deepStrictEqual(urls.map((url) => get(url).status), [404, ...urls.slice(1).map(() => 200)])
  })

  it("are hidden from bots that may not read message content", () => {
    const { client, filesOf, guest, h } = setup(Intents.Guilds | Intents.GuildMessages)
    const file = { name: "a.mp3", description: undefined, contentType: undefined, data: png }
    h.core.write({ userId: guest.id, channelId: h.lobby, content: "x", files: [file] })
    assert.deepStrictEqual(filesOf(client.events("MESSAGE_CREATE")[0]), [])
  })

  it("can come with answers to interactions, follow-ups and edits", () => {
    const { call, client, dj, filesOf, guest, h } = setup()
    const begun = h.core.type({ userId: guest.id, botId: dj.id, channelId: h.lobby, path: ["lyrics"], values: {} })
    assert(!("problem" in begun))
    const { id, token }: Json = { ...client.events("INTERACTION_CREATE")[0] }
    const body = form({ type: 4, data: { attachments: [{ id: 0, description: "words" }] } }, [
      "lyrics.txt",
      "text/plain",
      lyrics
    ])
    assert.strictEqual(call("POST", `/interactions/${id}/${token}/callback`, body).status, 204)
    assert.deepInclude(begun.messages()[0]?.attachments[0], { name: "lyrics.txt", description: "words" })
    const webhook = `/webhooks/${dj.id}/${token}`
    const more = call("POST", webhook, form({}, ["cover.png", "image/png", png])).json
    assert.deepInclude(filesOf(more)[0], { filename: "cover.png" })
    const edited = call("PATCH", `${webhook}/messages/@original`, form({}, ["cover.png", "image/png", png])).json
    assert.lengthOf(filesOf(edited), 2)
  })
})
