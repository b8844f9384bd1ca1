/**
 * What a scripted member does wrong in the end-to-end encrypted group, as plain data.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * Each property is one kind of misbehavior. Without it the member behaves correctly.
 *
 * - `commits`: what it sends as its commit (op 28). "malformed" is not an MLS message at all; "forged" looks like a commit but
 *   does not authenticate, so only members can tell; "none" sends nothing.
 * - `ready`: "never" leaves transitions unanswered (op 23).
 * - `epoch`: "stale" does not process commits (op 29): it stays in its epoch, and says that it is ready.
 * - `frames`: "garbage" have the layout of encrypted frames, with bytes that no key opens; "plain" are not encrypted.
 * - `keyPackage`: "bad" has a wrong signature; `delayMs` sends it late (op 26).
 *
 * @category schemas
 * @since 0.1.0
 */
export const Misbehaviour = Schema.Struct({
  commits: Schema.optionalKey(Schema.Literals(["malformed", "forged", "none"])),
  ready: Schema.optionalKey(Schema.Literal("never")),
  epoch: Schema.optionalKey(Schema.Literal("stale")),
  frames: Schema.optionalKey(Schema.Literals(["garbage", "plain"])),
  keyPackage: Schema.optionalKey(Schema.Union([Schema.Literal("bad"), Schema.Struct({ delayMs: Schema.Natural })]))
})

/**
 * @category models
 * @since 0.1.0
 */
export type Misbehaviour = typeof Misbehaviour.Type
