/**
 * Judges a client's packets on UDP: with a named violation if it is the client's own doing, and not too often.
 *
 * @since 0.1.0
 */
import type { Address, CoreContext, Verdict } from "../CoreContext.ts"
import type { Dave } from "../dave/Dave.ts"
import * as MediaFrame from "../dave/MediaFrame.ts"
import { sameAddress, type Session } from "./Session.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Judgement {
  /** Records a violation, unless a fault may be the reason. An expensive message is a function. */
  readonly accuse: (session: Session, code: string, message: string | (() => string)) => void
  /** Judges audio that a client may not send yet. It is not forwarded in any case. */
  readonly judgeEarly: (session: Session, silence: boolean) => void
  /** Judges audio that should be end-to-end encrypted. */
  readonly judgeEncryption: (session: Session, payload: Uint8Array) => void
  /** Judges where a packet came from. */
  readonly judgeAddress: (session: Session, from: Address) => void
}

/**
 * How far audio may be ahead of its Speaking (op 5), which comes another way, in milliseconds.
 *
 * @category constants
 * @since 0.1.0
 */
export const overtakingMs = 250

/** Violations of one kind are recorded again after this time without one, in milliseconds; the others are counted. */
const silenceBetweenVerdictsMs = 1_000

/** How long a client may continue unencrypted when it should encrypt, because of what is under way, in milliseconds. */
const plainGraceMs = 2_000

/** The same for a client that has not even asked to be added to the group. */
const strangerGraceMs = 7_000

const text = ({ address, port }: Address): string => `${address}:${port}`

/**
 * `expel` closes the connection of a session and ends it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  context: CoreContext,
  dave: Dave,
  expel: (session: Session, code: number, reason: string) => void
): Judgement => {
  const { profile } = context

  const accuse = (session: Session, code: string, message: string | (() => string)): void => {
    const last = session.judgedMs.get(code)
    session.judgedMs.set(code, context.now())
    if (session.conduct === undefined) return
    if (session.tampered) return context.count(`tampered:${code}`)
    if (last !== undefined && context.now() - last < silenceBetweenVerdictsMs) return context.count(`again:${code}`)
    context.judge("violation", code, typeof message === "string" ? message : message(), session.userId)
  }

  /** Judges audio that a client may not send yet. It is not forwarded in any case. */
  const judgeEarly = (session: Session, silence: boolean): void => {
    context.count("audio-before-speaking")
    const code = silence ? "silence-before-speaking" : "audio-before-speaking"
    if (session.judgedMs.has(code)) return
    session.judgedMs.set(code, context.now())
    context.timers.at(context.now() + overtakingMs, () => {
      if (session.ended || session.maySend) return
      session.judgedMs.delete(code)
      const judge = (severity: Verdict["severity"], message: string): void => {
        if (session.tampered) context.count(`tampered:${code}`)
        else context.judge(severity, code, message, session.userId)
      }
      // Sending this to enable receiving (discord/discord-api-docs#808) has never closed a connection.
      if (silence) return judge("advice", "a frame of silence was sent before Speaking (op 5) with flags")
      judge("violation", "audio was sent before Speaking (op 5) with flags and the ssrc of Ready: nobody hears it")
      if (profile.audioBeforeSpeaking === "close") expel(session, 4020, "Invalid SSRC.")
    })
  }

  /**
   * Unencrypted audio is a violation once a group's transition was executed: no listener plays it any more, and the server can
   * hear it. The same applies to a client that stays out of the group.
   */
  const judgeEncryption = (session: Session, payload: Uint8Array): void => {
    const group = dave.group(session.room)
    const since = group?.securedMs(session)
    const owing = group?.owingMs(session)
    const isDue = (fromMs: number | undefined, graceMs: number) =>
      fromMs !== undefined && context.now() - fromMs >= graceMs
    if (!isDue(since, plainGraceMs) && !isDue(owing, strangerGraceMs)) return
    if (MediaFrame.isFrame(payload, 0, payload.length)) return
    if (session.daveTampered || session.connection?.tampered === true) return context.count("tampered:dave-plain-audio")
    // It may not know yet that its group exists.
    if (session.connection === undefined) return context.count("dave-plain-audio-while-lost")
    accuse(session, "dave-plain-audio", "audio is not end-to-end encrypted, although the channel is")
  }

  /**
   * Judges whether Select Protocol (op 1) has named the result of IP discovery. If not, Discord has no valid destination. That
   * goes unnoticed here, because there is no router between us and the client.
   */
  const judgeAddress = (session: Session, from: Address): void => {
    const { discovered, selected } = session
    if (session.addressJudged || selected === undefined) return
    session.addressJudged = true
    if (sameAddress(selected, from) || sameAddress(selected, discovered)) return
    if (session.tampered || session.discoveryTampered) return context.count("tampered:address-not-discovered")
    const found = discovered === undefined ? "there was no IP discovery" : `IP discovery had found ${text(discovered)}`
    context.judge(
      "advice",
      "address-not-discovered",
      `Select Protocol named ${text(selected)}; ${found}, and packets come from ${text(from)}`,
      session.userId
    )
  }

  return { accuse, judgeAddress, judgeEarly, judgeEncryption }
}
