import { assert, describe, it } from "@effect/vitest"
import * as Outbox from "../../../../src/emulator/core/voice/Outbox.ts"
import type { ServerMessage } from "../../../../src/protocol/VoicePayload.ts"

const message: ServerMessage = { op: 9, d: null }

const seqs = (messages: ReadonlyArray<Outbox.Message> | undefined) => messages?.map(({ seq }) => seq)

describe("Outbox", () => {
  it("numbers messages from 0 and replays what was not acknowledged", () => {
    const outbox = Outbox.make(10)
    for (let i = 0; i < 3; i++) assert.strictEqual(outbox.push(message).seq, i)
    assert.deepStrictEqual(seqs(outbox.since(-1)), [0, 1, 2])
    assert.deepStrictEqual(seqs(outbox.since(0)), [1, 2])
    assert.deepStrictEqual(seqs(outbox.since(2)), [])
    assert.isUndefined(outbox.since(3))
  })

  it("has nothing to replay before the first message", () => {
    assert.deepStrictEqual(Outbox.make(10).since(-1), [])
    assert.isUndefined(Outbox.make(10).since(0))
  })

  it("reports when a message to replay is lost", () => {
    const outbox = Outbox.make(3)
    for (let i = 0; i < 5; i++) outbox.push(message)
    assert.isUndefined(outbox.since(-1))
    assert.isUndefined(outbox.since(0))
    assert.deepStrictEqual(seqs(outbox.since(1)), [2, 3, 4])
    assert.deepStrictEqual(seqs(outbox.since(3)), [4])
  })

  it("wraps after 65535", () => {
    const outbox = Outbox.make(4)
    for (let i = 0; i < 65_538; i++) outbox.push(message)
    assert.deepStrictEqual(seqs(outbox.since(65_534)), [65_535, 0, 1])
    assert.deepStrictEqual(seqs(outbox.since(65_535)), [0, 1])
  })
})
