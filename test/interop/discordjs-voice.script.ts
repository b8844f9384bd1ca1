/** `@discordjs/voice` on a main gateway that is written by hand. */
import { place, serve } from "./bot.ts"
import * as DiscordjsVoice from "./discordjsVoice.ts"
import { login } from "./mainGateway.ts"

serve(DiscordjsVoice.make(place, await login(place)))
