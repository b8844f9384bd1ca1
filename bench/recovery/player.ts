/** What both players of the recovery bench have in common. */
import { arguments_ as place } from "../join/gateway.ts"
import type { FromPlayer, PlayerArguments, ToPlayer } from "./messages.ts"

// the bench gives what the emulator of this bench says
export const arguments_ = place as PlayerArguments

/** An Opus frame of 20 ms. */
export const frame = (): Uint8Array => {
  const data = Buffer.alloc(160, 0x5a)
  data[0] = 0xfc
  return data
}

const say = (message: FromPlayer) => process.send?.(message)

const fail = (error: unknown) =>
  say({ _tag: "Failed", detail: error instanceof Error ? error.stack ?? error.message : String(error) })

/** A session: the user, guild and channel with this index, which plays for ever. */
export interface Session {
  readonly close: () => Promise<void>
}

/** Opens all sessions, and another one wherever one is given up. */
export const run = async (open: (index: number) => Promise<Session>): Promise<void> => {
  process.on("disconnect", () => process.exit(0))
  const sessions: Array<Session> = []
  const renew = async (index: number) => {
    await sessions[index]?.close()
    sessions[index] = await open(index)
  }
  process.on("message", (message) => {
    // the bench says what `ToPlayer` says
    const told = message as ToPlayer
    switch (told._tag) {
      case "Block": {
        const until = performance.now() + told.ms
        while (performance.now() < until);
        return say({ _tag: "Blocked" })
      }
      case "Renew":
        return void renew(told.index).catch(fail)
    }
  })
  try {
    for (const index of arguments_.tokens.keys()) await renew(index)
    say({ _tag: "Ready" })
  } catch (error) {
    fail(error)
  }
}
