/**
 * The thread of a driver, where a busy program does not stand in the way of the beat.
 *
 * @since 0.1.0
 */
import * as HelperThread from "../transport/HelperThread.ts"
import * as Served from "./Served.ts"

HelperThread.serve(Served.make)
