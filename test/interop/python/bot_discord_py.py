"""A bot on discord.py: its own REST, main gateway and voice client, and the receiving client of discord-ext-voice-recv."""

import asyncio
import functools
import logging
import sys

import script
from script import place

if place.get("compression") == "zlib-stream":
    # as if it had been installed without Zstandard
    sys.modules["zstandard"] = None

import davey
import discord
import yarl
from discord.ext import voice_recv

from bot import Bot

logging.basicConfig(level=logging.INFO)

discord.http.Route.BASE = place["rest"]
discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(place["gateway"])

if not place.get("e2ee"):
    # it does not join without davey, and has no option to turn off end-to-end encryption
    discord.voice_state.has_dave = False

script.States(
    "discord.voice_state",
    {
        "Connection state changed to connected": "ready",
        "Connection state changed to disconnected": "disconnected",
    },
)


# it silently drops packets when it holds more than ten, which happens on a busy machine
voice_recv.opus.JitterBuffer = functools.partial(voice_recv.opus.JitterBuffer, 1000)


class Ear(voice_recv.AudioSink):
    """Reports what some users say. The library does not decrypt end-to-end encrypted audio, so the bot does."""

    def __init__(self, users):
        super().__init__()
        self.users = users

    def wants_opus(self):
        return True

    def write(self, user, data):
        packet = data.opus
        if user is None or user.id not in self.users or not packet:
            return
        connection = self.voice_client._connection
        if connection.dave_protocol_version > 0 and not place.get("sealed"):
            try:
                packet = connection.dave_session.decrypt(user.id, davey.MediaType.audio, packet)
            except Exception as error:
                script.tell("Undecryptable", user=str(user.id), error=str(error))
                return
        script.heard(user.id, packet)

    def cleanup(self):
        pass


class DiscordPy(Bot):
    def __init__(self):
        intents = discord.Intents.default()
        intents.members = True
        super().__init__(discord, discord.Client(intents=intents))
        self.users = set()
        self.tree = discord.app_commands.CommandTree(self.client)
        self.tree.command(name="play", description="Plays a song")(self.on_play)

    async def on_play(self, interaction: discord.Interaction, song: str):
        await interaction.response.send_message(song)

    async def on_ready(self):
        script.tell("Compression", name=discord.utils._ActiveDecompressionContext.COMPRESSION_TYPE)
        script.tell("Commands", names=[command.name for command in await self.tree.sync()])
        await super().on_ready()

    def hear(self):
        if self.voice is not None and self.voice.is_connected() and not self.voice.is_listening():
            self.voice.listen(Ear(self.users))

    async def connect(self, channel):
        await channel.connect(cls=voice_recv.VoiceRecvClient)
        if self.users:
            self.hear()

    def listen(self, user):
        self.users.add(user)
        self.hear()

    def privacy_code(self):
        return self.voice.voice_privacy_code

    async def verification_code(self, user):
        return await asyncio.to_thread(self.voice._connection.dave_session.get_verification_code, user)


script.run(DiscordPy)
