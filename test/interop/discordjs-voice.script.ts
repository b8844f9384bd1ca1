/** `@discordjs/voice` on a handwritten main gateway. */
import { place, serve } from "./bot.ts"
import * as DiscordjsVoice from "./discordjsVoice.ts"
import { login } from "./mainGateway.ts"

serve(DiscordjsVoice.make(place, await login(place)))
