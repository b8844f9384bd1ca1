/**
 * The script of the recovery bench, with each fault once: twenty sessions of one process over real sockets and TLS,
 * with a fault every two seconds for each. The bench measures how long they take.
 */
import { assert, describe, it } from "@effect/vitest"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { round } from "../../bench/recovery.ts"
import { kinds } from "../../bench/recovery/messages.ts"

const sessions = 20

describe("twenty sessions under faults", () => {
  it("recover from every one of them", async () => {
    const folder = mkdtempSync(join(tmpdir(), "recovery-"))
    try {
      const { outcomes, violations } = await round(
        "ours",
        // the question is whether they recover, not when
        { sessions, seconds: 5, blockEvery: 1, patienceMs: 60_000 },
        join(folder, "ca.pem")
      )
      assert.strictEqual(violations, 0)
      assert.deepStrictEqual(outcomes.filter(({ silentMs }) => silentMs === null), [])
      assert.sameMembers([...new Set(outcomes.map(({ kind }) => kind))], [...kinds])
      // no cycle begins after the first one
      assert.isAtLeast(outcomes.length, sessions * kinds.length)
    } finally {
      rmSync(folder, { recursive: true })
    }
  }, 240_000)
})
