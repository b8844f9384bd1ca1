import { assert, describe, it, vi } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import * as Dgram from "node:dgram"
import * as NodeDatagrams from "../../src/transport/NodeDatagrams.ts"

describe("NodeDatagrams", () => {
  for (const [granted, expected] of [[1, [8, 4, 2, 1]], [0, [8, 4, 2, 1, 0.5, 0.25, 0.125, 0.0625]]] as const) {
    it.live(`requests half as much if the system refuses a buffer, down to 64 KiB: ${granted} MiB`, () =>
      Effect.gen(function*() {
        const asked: Array<number> = []
        yield* Effect.acquireRelease(
          Effect.sync(() =>
            vi.spyOn(Dgram.Socket.prototype, "setRecvBufferSize").mockImplementation((size) => {
              asked.push(size / 1_048_576)
              if (size > granted * 1_048_576) throw new Error("ENOBUFS, by the test")
            })
          ),
          (spy) => Effect.sync(() => spy.mockRestore())
        )
        const { connect } = NodeDatagrams.make({ receiveBufferBytes: 8 * 1_048_576 })
        const socket = yield* connect({ address: "127.0.0.1", port: 9 })
        assert.deepStrictEqual(asked, [...expected])
        assert.strictEqual(socket.local.address, "127.0.0.1")
      }).pipe(Effect.scoped))
  }

  it.live("closes a socket that cannot be bound while its opening is interrupted", () =>
    Effect.gen(function*() {
      yield* Effect.acquireRelease(
        Effect.sync(() =>
          vi.spyOn(Dgram.Socket.prototype, "bind").mockImplementation(function(this: Dgram.Socket) {
            process.nextTick(() => this.emit("error", new Error("bind EMFILE 0.0.0.0, by the test")))
            return this
          })
        ),
        (spy) => Effect.sync(() => spy.mockRestore())
      )
      const opening = NodeDatagrams.make({}).connect({ address: "127.0.0.1", port: 9 })
      const fiber = yield* Effect.forkChild(Effect.scoped(opening), { startImmediately: true })
      const interrupting = yield* Effect.forkChild(Fiber.interrupt(fiber), { startImmediately: true })
      yield* Effect.sleep("100 millis")
      assert.isDefined(interrupting.pollUnsafe(), "hangs")
    }).pipe(Effect.scoped))
})
