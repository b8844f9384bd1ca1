import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as Form from "../../../../src/emulator/core/http/Form.ts"

const bytesOf = (form: FormData) => Effect.promise(async () => new Uint8Array(await new Response(form).arrayBuffer()))

const textsOf = (form: Form.Form | undefined) =>
  Array.from(form?.texts ?? [], ([field, bytes]) => [field, String(Buffer.from(bytes))])

const filesOf = (form: Form.Form | undefined) => form?.files.map(({ data, field, name }) => [field, name, String(data)])

describe("Form", () => {
  it.effect("is read as undici writes it, with binary files and special characters in file names", () =>
    Effect.gen(function*() {
      const data = Uint8Array.from({ length: 1_000 }, (_, i) => i % 256)
      const form = new FormData()
      form.set("payload_json", "{\"content\":\"ä\"}")
      form.set("files[0]", new Blob([data], { type: "image/png" }), "a \"cover\".png")
      form.set("files[1]", new Blob([]), "歌.txt")
      const read = Form.parse(yield* bytesOf(form))
      assert.deepStrictEqual(textsOf(read), [["payload_json", "{\"content\":\"ä\"}"]])
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

  it("skips a part without an empty line", () => {
    const head = "Content-Disposition: form-data; name=\"a\"; filename=\"a\""
    const read = Form.parse(Buffer.from(`--b\r\n${head}\r\n--b\r\n${head}\r\n\r\nx\r\n--b--`))
    assert.deepStrictEqual(read?.files.map(({ data }) => String(data)), ["x"])
  })

  it("is read as eris and dysnomia write it: line breaks before boundaries, none at the end, fields named as files", () => {
    const part = (head: string, data: string) =>
      `\r\n------------------Eris\r\nContent-Disposition: form-data; ${head}\r\n\r\n${data}`
    const text = part("name=\"a.txt\"; filename=\"a.txt\"", "x") + part("name=\"b.txt\"; filename=\"b.txt\"", "y") +
      part("name=\"payload_json\"", "{}")
    assert.isTrue(Form.isForm(text))
    const read = Form.parse(Buffer.from(`${text}\r\n------------------Eris--`))
    assert.deepStrictEqual(filesOf(read), [["a.txt", "a.txt", "x"], ["b.txt", "b.txt", "y"]])
    assert.deepStrictEqual(textsOf(read), [["payload_json", "{}"]])
  })

  it("reads files that have a file name but no field name", () => {
    const head = "Content-Disposition: form-data; filename=\"a\""
    assert.deepStrictEqual(filesOf(Form.parse(Buffer.from(`--b\r\n${head}\r\n\r\nx\r\n--b--`))), [["", "a", "x"]])
  })

  it("is limited in the number of parts and in the length of boundaries and part headers", () => {
    const part = "Content-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\n\r\n"
    const formOf = (boundary: string, parts: number, head = "") =>
      Form.parse(Buffer.from(`--${boundary}\r\n${`${head}${part}--${boundary}\r\n`.repeat(parts).slice(0, -2)}--`))
    const [most, more] = [formOf("b", 20), formOf("b", 21)]
    assert.deepStrictEqual([most?.files.length, most?.hasMore], [20, false])
    assert.deepStrictEqual([more?.files.length, more?.hasMore], [20, true])
    assert.lengthOf(formOf("b".repeat(70), 1)?.files ?? [], 1)
    assert.isUndefined(formOf("b".repeat(71), 1))
    assert.lengthOf(formOf("b", 1, `X: ${"x".repeat(8_000)}\r\n`)?.files ?? [], 1)
    assert.isUndefined(formOf("b", 1, `X: ${"x".repeat(9_000)}\r\n`))
  })

  it("is undefined without a closing boundary", () => {
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
