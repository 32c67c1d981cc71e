"""The world of strangers: every odd thing that a broker allows, and all of mqtui walked over it.

Each broker is filled by its own client library (`redis_world`, `rabbitmq_world`, `kafka_world`); `odd` holds what they
share. Whoever finds a new oddity adds it there, and it is walked by both faces from then on.
"""
