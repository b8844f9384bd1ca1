/**
 * Scripted participants from the point of view of the main half: a handle that stays the same while the member is moved between
 * channels and voice servers, waits for one, or is removed.
 *
 * @since 0.1.0
 */
import type { ChannelId, GuildId, UserId } from "../../protocol/Identifier.ts"
import type { VoiceServerId } from "./CoreContext.ts"
import type { Undecryptable } from "./dave/Seat.ts"
import * as Shown from "./voice/Shown.ts"
import type { EncryptionOptions, HeardFrame, HeardReport, ParticipantHandle, Participants } from "./voice/VoiceHalf.ts"

/**
 * What a member shows of itself in its voice state. A flag that is left out keeps its value.
 *
 * @category models
 * @since 0.1.0
 */
export interface SelfFlags {
  readonly mute?: boolean | undefined
  /** While it is set, nothing is sent to the member. */
  readonly deaf?: boolean | undefined
  /** The voice gateway reports it, too (op 12). Video is sent if the profile's `guestVideo` says so. */
  readonly video?: boolean | undefined
  readonly streaming?: boolean | undefined
}

/**
 * A scripted member. What it says while it has no voice server (or after it left) is counted as `participant-without-server`
 * and lost; its `onCut` runs immediately.
 *
 * @category models
 * @since 0.1.0
 */
export interface Participant extends Omit<ParticipantHandle, "move" | "onUndecryptable" | "show"> {
  /** Its channel; `undefined` once it has left or was removed. */
  readonly channelId: ChannelId | undefined
  /** The number of frames it could not decrypt so far, by cause. */
  readonly undecryptable: () => ReadonlyMap<Undecryptable, number>
  /** Changes what it shows (VOICE_STATE_UPDATE). It can still speak. */
  readonly setSelf: (flags: SelfFlags) => void
  /** Changes what the voice gateway reports about its client (ops 18 and 20). A value that is left out stays as it is. */
  readonly setClient: (client: Partial<Shown.Client>) => void
  /**
   * Moves to another channel of the guild regardless of limits and permissions, or leaves if it cannot encrypt as required
   * there. Returns whether there is such a channel.
   */
  readonly move: (channelId: ChannelId) => boolean
  /** Calls `listener` once it has left or was removed: it does not come back, and hears nothing any more. */
  readonly onGone: (listener: () => void) => void
}

/**
 * The main half's end of a {@link Participant}.
 *
 * @category models
 * @since 0.1.0
 */
export interface Scripted {
  readonly participant: Participant
  /** Whether it can encrypt end to end. */
  readonly encrypts: boolean
  /** Puts it on a voice server, as soon as nothing holds it. The first time it joins; later it moves. */
  readonly attach: (channelId: ChannelId, server: VoiceServerId) => void
  /** Holds it where it is until the returned function is called, and until everything else that holds it has ended. */
  readonly hold: () => () => void
  /** Takes it off its voice server. It can be attached again. */
  readonly detach: () => void
  /** Ends it permanently: it is in no channel any more. */
  readonly end: () => void
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: {
  readonly userId: UserId
  readonly guildId: GuildId
  readonly participants: Participants
  readonly encryption: EncryptionOptions
  readonly count: (name: string) => void
  readonly where: () => ChannelId | undefined
  readonly move: (channelId: ChannelId) => boolean
  readonly setSelf: (flags: SelfFlags) => void
  readonly leave: () => void
}): Scripted => {
  const { guildId, userId } = options
  const { audio, e2ee } = options.encryption
  const undecryptable = new Map<Undecryptable, number>()
  const listeners: Array<(frame: HeardFrame) => void> = []
  const reportListeners: Array<(report: HeardReport) => void> = []
  const goneListeners: Array<() => void> = []
  let { misbehave, shown } = options.encryption
  let handle: ParticipantHandle | undefined
  /** How often it is held, and where it goes then. */
  let holds = 0
  let next: { readonly channelId: ChannelId; readonly server: VoiceServerId } | undefined
  const show = (change: Partial<Shown.Shown>) => {
    shown = { ...Shown.usual, ...shown, ...change }
    handle?.show(shown)
  }
  const go = (): void => {
    if (holds > 0 || next === undefined) return
    const { channelId, server } = next
    next = undefined
    if (handle !== undefined) return handle.move({ channelId, server })
    handle = options.participants.join({ userId, guildId, channelId, server }, {
      ...(audio === undefined ? {} : { audio }),
      e2ee,
      misbehave,
      ...(shown === undefined ? {} : { shown })
    })
    handle.onHeard((frame) => {
      for (const listener of listeners) listener(frame)
    })
    handle.onReport((report) => {
      for (const listener of reportListeners) listener(report)
    })
    handle.onUndecryptable((cause) => void undecryptable.set(cause, (undecryptable.get(cause) ?? 0) + 1))
  }
  const detach = () => {
    next = undefined
    const leaving = handle
    handle = undefined
    leaving?.leave()
  }
  return {
    participant: {
      userId,
      get ssrc() {
        return handle?.ssrc ?? 0
      },
      get channelId() {
        return options.where()
      },
      speak: (frames, speakOptions) => {
        if (handle !== undefined) return handle.speak(frames, speakOptions)
        options.count("participant-without-server")
        speakOptions?.onCut?.(0)
      },
      setSpeaking: (flags) => {
        if (handle === undefined) options.count("participant-without-server")
        else handle.setSpeaking(flags)
      },
      setSelf: (flags) => {
        options.setSelf(flags)
        if (flags.video !== undefined) show({ video: flags.video })
      },
      setClient: show,
      onHeard: (listener) => {
        listeners.push(listener)
      },
      onReport: (listener) => {
        reportListeners.push(listener)
      },
      onGone: (listener) => {
        goneListeners.push(listener)
      },
      undecryptable: () => new Map(undecryptable),
      reaches: (other) => handle?.reaches(other) === true,
      membership: () => handle?.membership(),
      verificationCode: (other) => handle?.verificationCode(other) ?? Promise.resolve(undefined),
      misbehave: (how) => {
        misbehave = how
        handle?.misbehave(how)
      },
      move: options.move,
      leave: options.leave
    },
    encrypts: e2ee !== false,
    attach: (channelId, server) => {
      next = { channelId, server }
      go()
    },
    hold: () => {
      holds++
      return () => {
        holds--
        go()
      }
    },
    detach,
    end: () => {
      detach()
      for (const listener of goneListeners) listener()
    }
  }
}
