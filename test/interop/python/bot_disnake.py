"""A bot on disnake: its own REST, main gateway and voice client, and Discord's own library for end-to-end encryption."""

import asyncio
import logging

import disnake

import script
from bot import Bot
from script import place

logging.basicConfig(level=logging.INFO)

disnake.http.Route.BASE = place["rest"]

if not place.get("e2ee"):
    # it does not join without dave.py, and has no option to turn off end-to-end encryption
    disnake.VoiceClient.dave_max_version = 0

script.States(
    "disnake",
    {
        "selected the voice protocol": "ready",
        "The voice handshake is being terminated": "disconnected",
    },
)


class Disnake(Bot):
    def __init__(self):
        intents = disnake.Intents.default()
        intents.members = True
        super().__init__(disnake, disnake.Client(intents=intents))

    async def connect(self, channel):
        # after a kick, it waits for another voice server for as long as this
        await channel.connect(timeout=10)

    async def settle(self, channel):
        """Waits for the reconnect, which the library does not report."""
        while self.voice is None or self.voice.channel != channel or not self.voice.is_connected():
            await asyncio.sleep(0.01)

    async def move(self, channel):
        await super().move(channel)
        # for a moment it still considers itself connected to the server that it is leaving
        await asyncio.sleep(0.5)
        await self.settle(channel)

    def privacy_code(self):
        return self.voice.dave.voice_privacy_code

    async def verification_code(self, user):
        return await self.voice.dave.get_user_verification_code(user)


script.run(Disnake)
