/**
 * What the main gateway reports while a session is connected or connecting.
 *
 * @since 0.1.0
 */
import type { Now } from "./Known.ts"

/**
 * @category models
 * @since 0.1.0
 */
export type Word = "server" | "parked" | "removed" | "new-session" | "detached"

/**
 * What the main gateway has reported since, in one word.
 *
 * @category getters
 * @since 0.1.0
 */
export const after = (since: Now, now: Now): Word | undefined => {
  if (now.detached !== undefined && now.detached.times > (since.detached?.times ?? 0)) return "detached"
  if (now.newSessions > since.newSessions) return "new-session"
  // a server is a place only for a bot that is in a channel
  if (now.channelId === null) return now.states > since.states ? "removed" : undefined
  if (now.servers > since.servers) return now.server?.endpoint === null ? "parked" : "server"
  return undefined
}
