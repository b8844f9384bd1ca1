/**
 * The permissions of a member in a channel (Discord docs, Permissions, Permission Hierarchy and Permission Overwrites).
 *
 * @since 0.1.0
 */

/**
 * The permissions that decide who may join a voice channel, as bits.
 *
 * @category constants
 * @since 0.1.0
 */
export const Permission = {
  Administrator: 1n << 3n,
  ViewChannel: 1n << 10n,
  Connect: 1n << 20n,
  MoveMembers: 1n << 24n
} as const

const all = (1n << 64n) - 1n

/**
 * An overwrite of a channel: `id` is that of a role or a member.
 *
 * @category models
 * @since 0.1.0
 */
export interface Overwrite {
  readonly id: string
  readonly allow: bigint
  readonly deny: bigint
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Situation {
  /** Also the id of the role @everyone. */
  readonly guildId: string
  readonly ownerId: string | undefined
  readonly roles: ReadonlyArray<{ readonly id: string; readonly permissions: bigint }>
  readonly userId: string
  /** The ids of the member's roles, without @everyone. */
  readonly memberRoles: ReadonlyArray<string>
  readonly overwrites: ReadonlyArray<Overwrite>
}

/**
 * The member's permissions in a channel. The owner and administrators have all. Others begin with the union of their roles'
 * permissions; then the overwrites of @everyone, those of their roles together, and their own are applied, each of which
 * first denies and then allows.
 *
 * @category getters
 * @since 0.1.0
 */
export const inChannel = (situation: Situation): bigint => {
  const { guildId, memberRoles, overwrites, ownerId, roles, userId } = situation
  if (userId === ownerId) return all
  let permissions = 0n
  for (const role of roles) {
    if (role.id === guildId || memberRoles.includes(role.id)) permissions |= role.permissions
  }
  if ((permissions & Permission.Administrator) !== 0n) return all
  const apply = (of: (id: string) => boolean) => {
    let allow = 0n
    let deny = 0n
    for (const overwrite of overwrites) {
      if (!of(overwrite.id)) continue
      allow |= overwrite.allow
      deny |= overwrite.deny
    }
    permissions = (permissions & ~deny) | allow
  }
  apply((id) => id === guildId)
  apply((id) => memberRoles.includes(id))
  apply((id) => id === userId)
  return permissions
}
