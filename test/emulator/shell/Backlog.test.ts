import { assert, describe, it } from "@effect/vitest"
import * as Backlog from "../../../src/emulator/shell/Backlog.ts"

/** How many turns of the event loop a backlog lasts if `perTurn` datagrams are read in each of the first `busyTurns`. */
const turns = (bufferBytes: number, perTurn: number, busyTurns: number) =>
  new Promise<number>((resolve) => {
    const backlog = Backlog.make(bufferBytes)
    let turn = 0
    let isOver = false
    const next = () => {
      if (isOver) return
      turn++
      if (turn <= busyTurns) { for (let i = 0; i < perTurn; i++) backlog.read() }
      setImmediate(next)
    }
    setImmediate(next)
    backlog.after(() => {
      isOver = true
      resolve(turn)
    })
  })

describe("Backlog", () => {
  it("ends when fewer datagrams were read in a turn than can be read at once", async () => {
    const idle = await turns(1_000_000, 0, 0)
    assert.strictEqual(await turns(1_000_000, 31, Infinity), idle)
    const behind = await turns(1_000_000, 32, 10)
    assert.isAtLeast(behind, 10)
    assert.isAtMost(behind, 10 + 2 * idle)
  })

  it("lasts no longer than a full buffer takes to read, whatever keeps arriving", async () => {
    // 64 KiB are read in two turns of 32 packets of 1 KiB each.
    const bounded = await turns(64 * 1024, 32, Infinity)
    assert.isAtMost(bounded, 8)
    assert.isAbove(await turns(320 * 1024, 32, Infinity), bounded)
  })
})
