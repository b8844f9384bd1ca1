import { Effect } from "effect"
import type * as Emulator from "../../src/emulator/Emulator.ts"
import * as Hearing from "../mixer/hearing.ts"
import * as Rig from "./rig.ts"

/** Runs a program whose bot plays to a guest, on virtual time, and returns what the guest heard. */
export const playing = <A, E>(
  program: (session: Effect.Success<ReturnType<typeof Rig.join>>) => Effect.Effect<A, E>,
  options: Emulator.MemoryOptions = {}
) =>
  Rig.run(Effect.gen(function*() {
    const guest = yield* Rig.guest()
    const session = yield* Rig.join("lobby")
    const value = yield* program(session)
    yield* Effect.sleep("1 second")
    const heard = yield* guest.heard
    yield* Rig.blameless
    return { value, heard, sound: yield* Hearing.decode(heard) }
  })).pipe(Effect.provide(Rig.memory(options)))

/** Frames of silence have three bytes. */
export const isVoiced = ({ payload }: { readonly payload: Uint8Array }) => payload.length > 3
