/**
 * The thread of a driver, in which a busy program does not delay the beat.
 *
 * @since 0.1.0
 */
import * as HelperThread from "../transport/HelperThread.ts"
import * as Served from "./Served.ts"

HelperThread.serve(Served.make)
