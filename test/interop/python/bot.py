"""A bot on the API of discord.py and its descendants: it joins, plays, moves and leaves as the test tells it to."""

import asyncio

import script
from script import place


class Bot:
    """`library` is the module of one of them, and `client` its client, on which no events are set yet."""

    def __init__(self, library, client):
        self.library = library
        self.client = client
        client.event(self.on_ready)
        client.event(self.on_voice_state_update)

        class Packets(library.AudioSource):
            """Opus packets, one after another."""

            def __init__(self, packets):
                self.packets = iter(packets)

            def read(self):
                return next(self.packets, b"")

            def is_opus(self):
                return True

        self.Packets = Packets

    @property
    def guild(self):
        return self.client.get_guild(int(place["guild"]))

    @property
    def voice(self):
        return self.guild.voice_client

    async def on_ready(self):
        application = await self.client.application_info()
        script.tell(
            "World",
            user=str(self.client.user),
            application=str(application.id),
            guild=self.guild.name,
            member=self.guild.me.display_name,
            channels=[{"id": str(channel.id), "name": channel.name} for channel in self.guild.channels],
            fetched=len(await self.guild.fetch_channels()),
            occupants=[
                {"user": str(user), "channel": str(channel.id)}
                for channel in self.guild.voice_channels
                for user in channel.voice_states
            ],
        )
        script.tell("Ready")

    async def on_voice_state_update(self, member, before, after):
        channel = None if after.channel is None else str(after.channel.id)
        script.tell("VoiceStateUpdate", user=str(member.id), channel=channel)

    async def connect(self, channel):
        await channel.connect()

    async def move(self, channel):
        await self.voice.move_to(channel)

    async def join(self, channel):
        channel = self.client.get_channel(channel)
        await (self.connect if self.voice is None else self.move)(channel)

    async def play(self, packets):
        await self.play_source(self.Packets(packets))

    async def play_file(self, path):
        await self.play_source(self.library.FFmpegOpusAudio(path, codec="opus", executable=place["ffmpeg"]))

    async def play_source(self, source):
        while not self.voice.is_connected():
            await asyncio.sleep(0.01)
        loop = asyncio.get_running_loop()
        ended = loop.create_future()
        self.voice.play(source, after=lambda error: loop.call_soon_threadsafe(ended.set_result, error))
        error = await ended
        if error is not None:
            raise error

    def listen(self, user):
        raise NotImplementedError

    async def leave(self):
        await self.voice.disconnect()

    def privacy_code(self):
        raise NotImplementedError

    async def verification_code(self, user):
        raise NotImplementedError
