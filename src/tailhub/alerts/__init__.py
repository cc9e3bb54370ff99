"""What the relay's owner is told on a phone or by mail: which conditions count, when each is told, in which words.

Pure: time is given, nothing is sent. Who looks, sends and keeps is `tailhub.server.watchman`.
"""
