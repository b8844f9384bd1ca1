/**
 * The error of an order that failed.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * An order could not be carried out.
 *
 * @category errors
 * @since 0.1.0
 */
export class OrderFailed
  extends Schema.TaggedError<OrderFailed>("effect-discord-voice/cli/OrderFailed")("OrderFailed", {
    detail: Schema.String
  })
{
  override get message(): string {
    return this.detail
  }
}
