import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as Form from "../../../src/emulator/core/Form.ts"

const bytesOf = (form: FormData) => Effect.promise(async () => new Uint8Array(await new Response(form).arrayBuffer()))

describe("Form", () => {
  it.effect("is read as undici writes it, whatever is in its files", () =>
    Effect.gen(function*() {
      const data = Uint8Array.from({ length: 1_000 }, (_, i) => i % 256)
      const form = new FormData()
      form.set("payload_json", "{\"content\":\"ä\"}")
      form.set("files[0]", new Blob([data], { type: "image/png" }), "a \"cover\".png")
      form.set("files[1]", new Blob([]), "歌.txt")
      const read = Form.parse(yield* bytesOf(form))
      assert.deepStrictEqual(read?.texts, new Map([["payload_json", "{\"content\":\"ä\"}"]]))
      assert.deepStrictEqual(
        read?.files.map(({ contentType, data, field, name }) => ({
          field,
          name,
          contentType,
          data: Uint8Array.from(data)
        })),
        [
          { field: "files[0]", name: "a \"cover\".png", contentType: "image/png", data },
          {
            field: "files[1]",
            name: "歌.txt",
            contentType: "application/octet-stream",
            data: new Uint8Array()
          }
        ]
      )
    }))

  it("is read as other libraries write it", () => {
    const text =
      "--b\r\ncontent-disposition: form-data; name=file; filename*=utf-8''%C3%A4.txt\r\n\r\nx\r\ny\r\n--b\r\n" +
      "Content-Disposition: form-data; filename=\"b.txt\"; name=\"files[1]\"\r\n\r\n--a\r\n--b--\r\n"
    const read = Form.parse(Buffer.from(text))
    assert.deepStrictEqual(
      read?.files.map(({ contentType, data, field, name }) => ({ field, name, contentType, data: String(data) })),
      [
        { field: "file", name: "ä.txt", contentType: undefined, data: "x\r\ny" },
        { field: "files[1]", name: "b.txt", contentType: undefined, data: "--a" }
      ]
    )
  })

  it("has no part without an empty line in it", () => {
    const head = "Content-Disposition: form-data; name=\"a\"; filename=\"a\""
    const read = Form.parse(Buffer.from(`--b\r\n${head}\r\n--b\r\n${head}\r\n\r\nx\r\n--b--`))
    assert.deepStrictEqual(read?.files.map(({ data }) => String(data)), ["x"])
  })

  it("is nothing without an end", () => {
    for (
      const text of ["", "--", "--b", "--b\r\n", "--b\r\nx", "--b\r\nContent-Disposition: form-data\r\n\r\nx", "b\r\n"]
    ) {
      assert.isUndefined(Form.parse(Buffer.from(text)), text)
    }
  })

  it.prop("never throws", [Schema.String], ([text]) => {
    Form.parse(Buffer.from(text))
    Form.parse(Buffer.from(`--b\r\n${text}\r\n--b--`))
    Form.parse(Buffer.from(`--b\r\nContent-Disposition: form-data; ${text}\r\n\r\n${text}\r\n--b--`))
  })
})
