/**
 * A thread that mixes, so that decoding and encoding do not delay the beat.
 *
 * @since 0.1.0
 */
import * as HelperThread from "../transport/HelperThread.ts"
import * as Mixes from "./Mixes.ts"

HelperThread.serve(Mixes.make)
