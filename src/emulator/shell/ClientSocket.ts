/**
 * A client's WebSocket that reports a close frame as soon as it arrives. `ws` reports the end of the TCP connection, which
 * comes some turns of the event loop later, and what the client sends elsewhere in the meantime would overtake it.
 *
 * @since 0.1.0
 */
import { WebSocket } from "ws"

/**
 * @category models
 * @since 0.1.0
 */
export class ClientSocket extends WebSocket {
  /**
   * Called once with the code of the client's close frame, unless we have closed first. 1005: there is none. A client that
   * waits for the answer does nothing else before `answer` is called.
   */
  onCloseFrame: ((code: number, answer: () => void) => void) | undefined
  #isOurs = false

  /** Closes from our side. */
  closeFromHere(code: number, reason: string): void {
    this.#isOurs = true
    this.close(code, reason)
  }

  // `ws` answers a client's close frame with this
  override close(code?: number, reason?: string | Buffer): void {
    const tell = this.#isOurs ? undefined : this.onCloseFrame
    this.onCloseFrame = undefined
    const answer = () => super.close(code, reason)
    if (tell === undefined) answer()
    else tell(code ?? 1005, answer)
  }
}
