/**
 * The voice half of the emulator's core, put together.
 *
 * @since 0.1.0
 */
import type { CoreContext, Grants } from "../CoreContext.ts"
import type { VoiceHalf, VoiceHooks } from "./Model.ts"

export type {
  HeardFrame,
  ParticipantHandle,
  Participants,
  SessionView,
  SpokenFrame,
  VoiceHalf,
  VoiceHooks
} from "./Model.ts"

/**
 * Makes the voice half of one core.
 *
 * @category constructors
 * @since 0.1.0
 */
export declare const makeVoiceHalf: (context: CoreContext, grants: Grants, hooks?: VoiceHooks) => VoiceHalf
