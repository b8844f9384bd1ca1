/**
 * The thread that keeps the groups.
 *
 * @since 0.1.0
 */
import * as HelperThread from "../transport/HelperThread.ts"
import * as Groups from "./Groups.ts"

HelperThread.serve(Groups.make)
