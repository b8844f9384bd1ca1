/**
 * Prepares a member for a group, before anything is proposed to it: the external sender (op 25), and the epoch (op 24), which
 * it has to answer with a key package (op 26).
 *
 * @since 0.1.0
 */
import type { ServerFrame } from "../../../protocol/DaveFrame.ts"
import type { ServerMessage } from "../../../protocol/VoicePayload.ts"
import type { CoreContext } from "../CoreContext.ts"
import type { Session } from "../voice/Session.ts"
import type { ExternalSender } from "./ExternalSender.ts"
import * as Standing from "./Standing.ts"

/** How long a client may take for its key package, whose keys have to be generated, in milliseconds. */
const keyPackageGraceMs = 5_000

/**
 * @category models
 * @since 0.1.0
 */
export interface Preparation {
  /** Sends the external sender, once, to a member that can have an encrypted call. */
  readonly giveSender: (standing: Standing.Standing) => void
  /** Expects a key package from a member that was just told about a group; if none arrives, that is advice. */
  readonly expectPackage: (standing: Standing.Standing) => void
  /** Tells that a group starts again, at epoch 1 of a protocol version. */
  readonly prepareEpoch: (standing: Standing.Standing) => void
}

/**
 * `version` is the protocol version that all have in common now. `tell` sends a numbered message.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  context: CoreContext,
  sender: () => ExternalSender,
  version: () => number,
  tell: (session: Session, message: ServerMessage | ServerFrame) => void
): Preparation => {
  const giveSender = (standing: Standing.Standing): void => {
    if (standing.hasSender || standing.session.daveVersion === 0) return
    standing.hasSender = true
    tell(standing.session, { op: 25, seq: 0, externalSender: sender().bytes })
  }

  const expectPackage = (standing: Standing.Standing): void => {
    const since = context.now()
    standing.owingMs = since
    context.timers.at(since + keyPackageGraceMs, () => {
      const { owingMs, session } = standing
      if (owingMs !== since || session.ended || version() === 0) return
      if (session.connection === undefined) return context.count("dave-key-package-missing-while-lost")
      const message =
        `no key package (op 26) arrived within ${keyPackageGraceMs} ms of op 4 or 24, so the client can hear nobody`
      Standing.advise(context, session, "dave-key-package-missing", message)
    })
  }

  return {
    giveSender,
    expectPackage,
    prepareEpoch: (standing) => {
      giveSender(standing)
      expectPackage(standing)
      const transition = context.profile.daveEpochTransition ? { transition_id: 0 } : {}
      tell(standing.session, { op: 24, d: { protocol_version: version(), epoch: 1, ...transition } })
    }
  }
}
