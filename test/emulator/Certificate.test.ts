import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { createPrivateKey, X509Certificate } from "node:crypto"
import { once } from "node:events"
import { connect, createServer } from "node:tls"
import * as Certificate from "../../src/emulator/shell/Certificate.ts"

describe("Certificate", () => {
  it.live("is valid for loopback only and is signed by its own certificate authority", () =>
    Effect.gen(function*() {
      const { authority, certificate, privateKey } = yield* Certificate.make
      const ca = new X509Certificate(authority)
      const server = new X509Certificate(certificate)
      assert.isTrue(ca.ca)
      assert.isFalse(server.ca)
      assert.isTrue(server.checkIssued(ca))
      assert.isTrue(server.verify(ca.publicKey))
      assert.isTrue(ca.verify(ca.publicKey))
      assert.isTrue(server.checkPrivateKey(createPrivateKey(privateKey)))
      assert.strictEqual(server.checkHost("localhost"), "localhost")
      assert.strictEqual(server.checkIP("127.0.0.1"), "127.0.0.1")
      assert.isUndefined(server.checkHost("discord.media"))
      assert.isUndefined(server.checkIP("10.0.0.1"))
    }))

  it.live("is different each time", () =>
    Effect.gen(function*() {
      const one = yield* Certificate.make
      const two = yield* Certificate.make
      assert.notStrictEqual(one.authority, two.authority)
      assert.notStrictEqual(one.privateKey, two.privateKey)
      assert.isFalse(new X509Certificate(two.certificate).verify(new X509Certificate(one.authority).publicKey))
    }))

  it.live("is trusted next to those of other emulators", () =>
    Effect.gen(function*() {
      const made = yield* Effect.all([Certificate.make, Certificate.make, Certificate.make])
      const ca = made.map(({ authority }) => authority)
      yield* Effect.forEach(made, ({ certificate, privateKey }) =>
        Effect.promise(async () => {
          const server = createServer({ cert: certificate, key: privateKey }).listen(0, "127.0.0.1")
          try {
            await once(server, "listening")
            const address = server.address()
            if (address === null || typeof address === "string") throw new Error("the server has no port")
            const socket = connect({ ca, host: "127.0.0.1", port: address.port, servername: "localhost" })
            await once(socket, "secureConnect")
            assert.isTrue(socket.authorized)
            socket.destroy()
          } finally {
            server.close()
          }
        }))
    }))
})
