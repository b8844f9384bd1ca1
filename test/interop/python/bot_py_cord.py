"""A bot on py-cord: its own REST, main gateway and voice client."""

import asyncio
import logging

import discord
import discord.voice

import script
from bot import Bot
from script import place

logging.basicConfig(level=logging.INFO)

discord.http.Route.API_BASE_URL = place["rest"]

if not place.get("e2ee"):
    # it has no option to turn off end-to-end encryption
    discord.voice.state.DAVE_PROTOCOL_VERSION = 0

script.States(
    "discord.voice.state",
    {
        "^State changed from .* to connected": "ready",
        "^State changed from .* to disconnected": "disconnected",
    },
)


class PyCord(Bot):
    def __init__(self):
        intents = discord.Intents.default()
        intents.members = True
        super().__init__(discord, discord.Client(intents=intents))

    async def verification_code(self, user):
        return await asyncio.to_thread(self.voice._connection.dave_session.get_verification_code, user)

    def privacy_code(self):
        return self.voice.privacy_code


script.run(PyCord)
