/**
 * Why a user is not heard, as far as the emulator's state shows, for a test that waits in vain.
 *
 * @since 0.1.0
 */
import type * as Emulator from "../../emulator/Emulator.ts"
import type { UserId } from "../../protocol/Identifier.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Party {
  readonly id: UserId
  readonly name: string
}

/**
 * A sentence without its end, or `undefined` if nothing stands in the way.
 *
 * @category combinators
 * @since 0.1.0
 */
export const why = (
  { channels, daveGroups, gatewaySessions, users, voiceSessions, voiceStates }: Emulator.Snapshot,
  sender: Party,
  listener: Party
): string | undefined => {
  const states = (party: Party) => voiceStates.filter(({ userId }) => userId === party.id)
  const called = (party: Party, what: string) => `"${party.name}" ${what}`
  const isLoggedIn = gatewaySessions.some(({ connected, userId }) => userId === sender.id && connected)
  const isBot = users.some(({ bot, id }) => id === sender.id && bot)
  if (isBot && !isLoggedIn) return called(sender, "is not logged in")
  const theirs = states(listener)
  const ours = states(sender)
  for (const [party, found] of [[sender, ours], [listener, theirs]] as const) {
    if (found.length === 0) return called(party, "is in no voice channel")
  }
  const own = ours.find(({ channelId }) => theirs.some((state) => state.channelId === channelId))
  if (own === undefined) {
    const names = (ids: ReadonlyArray<{ readonly channelId: string }>) =>
      ids.map(({ channelId }) => `"${channels.find(({ id }) => id === channelId)?.name ?? channelId}"`).join(", ")
    return `${called(sender, "is in")} ${names(ours)}, and ${called(listener, "in")} ${names(theirs)}`
  }
  if (own.suppress) return called(sender, "is suppressed: it may not speak here, or is in the audience of a stage")
  if (own.mute) return called(sender, "was muted by a moderator")
  if (own.selfMute) return called(sender, "has muted itself")
  const their = theirs.find(({ channelId }) => channelId === own.channelId)
  if (their?.deaf === true || their?.selfDeaf === true) return called(listener, "is deaf")
  const session = voiceSessions.find(({ channelId, userId }) => userId === sender.id && channelId === own.channelId)
  if (session === undefined) return called(sender, "has not identified to the voice server")
  if (session.state === "lost") return called(sender, "has lost its connection to the voice server, and may resume it")
  if (session.state === "identified") return called(sender, "has got no session description: no Select Protocol (op 1)")
  if (session.state === "ready" && session.speaking === 0) {
    return called(sender, "does not say that it speaks: no Speaking (op 5), or one with flags 0")
  }
  const group = daveGroups.find(({ channelId }) => channelId === own.channelId)
  if (group !== undefined && group.epoch > 0) {
    for (const party of [sender, listener]) {
      if (!group.members.some(({ userId }) => userId === party.id)) {
        return called(party, "is not in the end-to-end encrypted group of the call")
      }
    }
  }
  return undefined
}
